import { Type } from 'typebox'
import { AalSchema, Id, IdentitySchema } from '../authority/administration/schemas.js'
import { callerFields } from '../authority/caller/fields.js'
import { MAX_TOKEN_LENGTH } from '../authority/jws/compact.js'

/** What introspection and revocation take. It describes: `oauth-request.ts` reads it and words what is wrong. */
export const QuestionForm = Type.Object({
  ...callerFields,
  token: Type.String({ maxLength: MAX_TOKEN_LENGTH, description: 'The mandate that is asked about.' }),
  token_type_hint: Type.Optional(Type.String({ description: 'Passed over: mandates tell what they are.' })),
})

const Texts = Type.Array(Type.String())
const Time = Type.Integer({ description: 'Seconds since the epoch.' })

const Claims = Type.Object(
  {
    active: Type.Literal(true),
    token_type: Type.Literal('Bearer'),
    iss: Type.String(),
    sub: Type.String(),
    aud: Type.Union([Type.String(), Texts]),
    exp: Time,
    iat: Time,
    jti: Id,
    client_id: Id,
    zone_id: Id,
    scope: Type.String({ description: 'Separated by spaces; empty for none.' }),
    sid: Id,
    root_sid: Id,
    use: Type.Enum(['session', 'resource']),
    sub_type: IdentitySchema.properties.kind,
    txn: Type.String({ description: 'The audit event that recorded it.' }),
    target: Type.Optional(Texts),
    act: Type.Optional(Type.Object({}, { description: 'Who acts for the subject (RFC 8693 section 4.1).' })),
    acr: Type.Optional(AalSchema),
    amr: Type.Optional(Texts),
    auth_time: Type.Optional(Time),
    agent_session_id: Type.Optional(Id),
    delegation_edge_id: Type.Optional(Id),
    cnf: Type.Optional(Type.Object({ jkt: Type.String() })),
    ctx: Type.Optional(Type.Object({}, { description: 'The challenge that was resolved for it.' })),
  },
  { description: 'A mandate in force (RFC 7662 section 2.2).' },
)

export const IntrospectionView = Type.Union([
  Claims,
  Type.Object({ active: Type.Literal(false) }, { description: 'Anything else, and nothing more about it.' }),
])

/** Metadata of an authorization server (RFC 8414 section 2). */
export const MetadataView = Type.Object({
  issuer: Type.String(),
  token_endpoint: Type.String(),
  introspection_endpoint: Type.String(),
  revocation_endpoint: Type.String(),
  jwks_uri: Type.Optional(Type.String({ description: "Of a zone's alone." })),
  grant_types_supported: Texts,
  response_types_supported: Texts,
  acr_values_supported: Texts,
  token_endpoint_auth_methods_supported: Texts,
  token_endpoint_auth_signing_alg_values_supported: Texts,
  introspection_endpoint_auth_methods_supported: Texts,
  introspection_endpoint_auth_signing_alg_values_supported: Texts,
  revocation_endpoint_auth_methods_supported: Texts,
  revocation_endpoint_auth_signing_alg_values_supported: Texts,
})

/** A set of public keys (RFC 7517 section 5). */
export const KeysView = Type.Object({
  keys: Type.Array(
    Type.Object({
      kid: Type.String(),
      kty: Type.String(),
      crv: Type.String(),
      x: Type.String(),
      y: Type.String(),
      alg: Type.Literal('ES256'),
      use: Type.Literal('sig'),
    }),
  ),
})
