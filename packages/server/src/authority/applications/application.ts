import { type Identity, sameIdentity } from '@countersign/protocol'
import { Type } from 'typebox'
import { Personal } from '../../ledger/event.js'
import type { JwkSet } from '../../store/tables.js'
import { checkJwks, unprocessable } from '../administration/checks.js'
import { type Noun, personalName } from '../administration/noun.js'
import { toIdentity, toInstant } from '../administration/schemas.js'
import { deleteGrants } from '../grants/queries.js'
import { insertSecret, rememberHolder } from './queries.js'
import { ApplicationView, ClientSecret, CreateApplication, UpdateApplication } from './schemas.js'
import { newClientSecret } from './secret.js'

const shown = { client_secret: Type.Optional(ClientSecret) }

/** Applications: the OAuth clients of a zone. */
export const application: Noun<
  'applications',
  typeof ApplicationView,
  typeof CreateApplication,
  typeof shown,
  typeof UpdateApplication
> = {
  table: 'applications',
  path: 'applications',
  word: 'application',
  kind: 'application',
  view: ApplicationView,
  create: CreateApplication,
  shown,
  update: UpdateApplication,

  async views(_db, _zoneId, rows) {
    return rows.map((row) => ({
      id: row.id,
      name: row.name,
      auth_method: row.auth_method,
      jwks: row.jwks === null ? null : { keys: row.jwks.keys.map((key) => ({ ...key })) },
      owner: row.owner,
      labels: row.labels,
      origins: row.origins,
      created_at: toInstant(row.created_at),
      updated_at: toInstant(row.updated_at),
    }))
  },

  details(row) {
    const owner = row.owner === null ? null : new Personal({ ...row.owner })
    return { ...personalName(row), owner, auth_method: row.auth_method, labels: row.labels, origins: row.origins }
  },

  async creating({ tx, zoneId, now, actor }, id, body) {
    const method = body.auth_method
    if (method === 'none') {
      throw unprocessable(
        'unsupported_auth_method',
        'a public client has no proof of its own to bind a mandate to; use client_secret or private_key_jwt',
      )
    }
    checkKeys(method, body.jwks, true)
    checkOrigins(body.origins)
    const row = {
      name: body.name,
      auth_method: method,
      jwks: toJson(body.jwks),
      owner: toJson(body.owner === undefined ? actor.owner : toIdentity(body.owner)),
      labels: body.labels ?? [],
      origins: body.origins ?? [],
    }
    if (method === 'private_key_jwt') {
      await rememberHolder(tx, zoneId, id, now, actor.owner)
      return { row }
    }
    const { secret, hash } = newClientSecret()
    await insertSecret(tx, zoneId, id, now, { hash, shownTo: actor.owner, expiresAt: null })
    return { row, shown: { client_secret: secret } }
  },

  async updating({ tx, zoneId, now, actor }, row, body) {
    checkKeys(row.auth_method, body.jwks, false)
    checkOrigins(body.origins)
    const owner = body.owner && toIdentity(body.owner)
    if (body.jwks !== undefined) await rememberHolder(tx, zoneId, row.id, now, actor.owner)
    if (owner !== undefined && !isOwner(row.owner, owner)) await rememberHolder(tx, zoneId, row.id, now, row.owner)
    return {
      ...(body.name !== undefined && { name: body.name }),
      ...(body.jwks !== undefined && { jwks: toJson(body.jwks) }),
      ...(owner !== undefined && { owner: toJson(owner) }),
      ...(body.labels !== undefined && { labels: body.labels }),
      ...(body.origins !== undefined && { origins: body.origins }),
    }
  },

  deleting({ tx, zoneId, now }, row) {
    return deleteGrants(tx, zoneId, now, 'application_id', row.id)
  },
}

function toJson(value: Identity | JwkSet | null | undefined): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value)
}

function isOwner(owner: Identity | null, identity: Identity): boolean {
  return owner !== null && sameIdentity(owner, identity)
}

function checkKeys(method: 'client_secret' | 'private_key_jwt', jwks: JwkSet | undefined, required: boolean): void {
  if (method === 'client_secret' && jwks !== undefined) {
    throw unprocessable('jwks_not_used', 'an application that authenticates by client_secret has no jwks')
  }
  if (method === 'private_key_jwt' && jwks === undefined && required) {
    throw unprocessable('jwks_required', 'private_key_jwt needs jwks, the public keys that assertions are checked with')
  }
  if (jwks !== undefined) checkJwks(jwks)
}

function checkOrigins(origins: readonly string[] = []): void {
  for (const [index, origin] of origins.entries()) {
    if (!/^https?:/.test(origin) || !URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw unprocessable(
        'invalid_origin',
        `origins[${index}] must be an origin as browsers send it: https://app.example`,
      )
    }
  }
}
