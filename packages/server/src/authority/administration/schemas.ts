import { AALS, type Identity } from '@countersign/protocol'
import { Type } from 'typebox'

/** An object whose members are exactly these. */
export const exactly = <P extends Parameters<typeof Type.Object>[0]>(properties: P) =>
  Type.Object(properties, { additionalProperties: false })

export const nullable = <T extends Parameters<typeof Type.Array>[0]>(schema: T) => Type.Union([schema, Type.Null()])

export const Id = Type.String({ format: 'uuid' })
export const Name = Type.String({ minLength: 1, maxLength: 200 })
export const Instant = Type.String({ format: 'date-time' })
export const Uri = Type.String({ minLength: 1, maxLength: 2048 })
export const Label = Type.String({ minLength: 1, maxLength: 100 })
export const Labels = Type.Array(Label, { maxItems: 50, uniqueItems: true })
export const AalSchema = Type.Enum([...AALS])

/** A scope of RFC 6749 section 3.3. */
export const Scope = Type.String({ pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]{1,200}$' })
export const Scopes = Type.Array(Scope, { minItems: 1, maxItems: 64, uniqueItems: true })

export const IdentitySchema = exactly({
  kind: Type.Enum(['user', 'application', 'agent']),
  issuer: Type.Optional(Uri),
  id: Type.String({ minLength: 1, maxLength: 512 }),
})

/** A set of public keys, each a JWK (RFC 7517). */
export const Jwks = exactly({
  keys: Type.Array(Type.Record(Type.String(), Type.Unknown()), { minItems: 1, maxItems: 20 }),
})

export const ZoneParams = Type.Object({ zone_id: Type.String() })
export const ItemParams = Type.Object({ zone_id: Type.String(), id: Type.String() })

/** An identity without the members that were not given. */
export function toIdentity(identity: { kind: Identity['kind']; issuer?: string | undefined; id: string }): Identity {
  const { kind, issuer, id } = identity
  return issuer === undefined ? { kind, id } : { kind, issuer, id }
}

/** Times on the wire, RFC 3339 in UTC, from milliseconds. */
export function toInstant(ms: number): string {
  return new Date(ms).toISOString()
}

export function toInstantOrNull(ms: number | null): string | null {
  return ms === null ? null : toInstant(ms)
}
