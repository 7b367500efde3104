import { createHash, timingSafeEqual } from 'node:crypto'
import type { Aal, Identity } from '@countersign/protocol'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { bearerOf } from '../../http/bearer.js'
import { notFound, ProblemError } from '../../http/problem.js'
import type { Clock } from '../../store/clock.js'
import type { Db } from '../../store/database.js'
import { isId } from '../../store/ids.js'
import type { Capability } from '../../store/tables.js'
import { findTokenByHash, zoneExists } from './queries.js'

/** Who administers, and how far their authority reaches. */
export interface AdminActor {
  /** `admin:<token id>`, or `admin:bootstrap`. What the ledger names. */
  readonly id: string
  readonly tokenId: string | null
  /** The only zone of this actor; null for every zone. */
  readonly zoneId: string | null
  readonly capabilities: ReadonlySet<Capability>
  /** The highest level that a prover may vouch for. */
  readonly maxAal: Aal | null
  readonly owner: Identity | null
  /** When the token ends, in milliseconds; null for never. */
  readonly expiresAt: number | null
  readonly bootstrap: boolean
}

export interface AuthenticationDeps {
  readonly db: Db
  readonly clock: Clock
  /** SHA-256 of the bootstrap token. */
  readonly adminTokenHash: Buffer
}

interface Authenticator {
  authenticate(request: FastifyRequest): Promise<AdminActor>
  zoneExists(zoneId: string): Promise<boolean>
}

declare module 'fastify' {
  interface FastifyInstance {
    adminAuthenticator: Authenticator
  }
  interface FastifyRequest {
    adminActor: AdminActor | null
  }
}

/** Prepares the app for {@link requireAdmin}. Once, before routes are registered. */
export function installAdminAuthentication(
  app: Pick<FastifyInstance, 'decorate' | 'decorateRequest'>,
  deps: AuthenticationDeps,
): void {
  app.decorateRequest('adminActor', null)
  app.decorate('adminAuthenticator', {
    zoneExists: (zoneId) => zoneExists(deps.db, zoneId),
    authenticate: async (request) => {
      const bearer = bearerOf(request.headers.authorization)
      if (bearer === undefined) throw unauthorized()
      const hash = sha256(bearer)
      if (timingSafeEqual(hash, deps.adminTokenHash)) return BOOTSTRAP
      const token = await findTokenByHash(deps.db, hash)
      if (token === undefined || (token.expires_at !== null && token.expires_at <= deps.clock.now()))
        throw unauthorized()
      return {
        id: `admin:${token.id}`,
        tokenId: token.id,
        zoneId: token.zone_id,
        capabilities: new Set(token.capabilities),
        maxAal: token.max_aal,
        owner: token.owner,
        expiresAt: token.expires_at,
        bootstrap: false,
      }
    },
  })
}

/** Whoever has the bootstrap token administers everything, and satisfies nothing. */
const BOOTSTRAP: AdminActor = {
  id: 'admin:bootstrap',
  tokenId: null,
  zoneId: null,
  capabilities: new Set(['read', 'write', 'audit', 'manage_tokens']),
  maxAal: null,
  owner: null,
  expiresAt: null,
  bootstrap: true,
}

export interface RequireAdminOptions {
  /** Let through to a zone that was deleted: only to repeat the answer of its deletion. */
  readonly evenDeleted?: boolean
}

/**
 * A hook that lets only admin tokens with one of these capabilities through, and only to their own zone. Use it as
 * `onRequest`, so that a stranger is refused before the body is read or validated.
 *
 * A path that names another zone, a zone that does not exist, or an id that is no id, is 404 before anything else:
 * the answer never depends on what another zone holds.
 *
 * @throws ProblemError 401 `invalid_token`, 404 `not_found`, 403 `missing_capability`
 * @example
 * ```ts
 * app.get('/v1/zones/:zone_id/grants', { onRequest: requireAdmin('read') }, async (request) => {
 *   const actor = adminActor(request)
 * })
 * ```
 */
export function requireAdmin(
  needed: Capability | readonly Capability[],
  options: RequireAdminOptions = {},
): ((request: FastifyRequest) => Promise<void>) & { readonly security: object } {
  const anyOf: readonly Capability[] = typeof needed === 'string' ? [needed] : needed
  const guard = async (request: FastifyRequest): Promise<void> => {
    const { adminAuthenticator } = request.server
    const actor = await adminAuthenticator.authenticate(request)
    const params = request.params as { readonly [name: string]: string }
    for (const [name, value] of Object.entries(params)) {
      if ((name === 'id' || name.endsWith('_id')) && !isId(value)) throw notFound()
    }
    const zoneId = params.zone_id
    if (zoneId !== undefined) {
      if (actor.zoneId !== null && actor.zoneId !== zoneId) throw notFound()
      if (!options.evenDeleted && !(await adminAuthenticator.zoneExists(zoneId))) throw notFound()
    }
    if (!anyOf.some((capability) => actor.capabilities.has(capability))) {
      throw new ProblemError(403, 'missing_capability', `this needs a token with the capability ${anyOf.join(' or ')}`)
    }
    request.adminActor = actor
  }
  return Object.assign(guard, { security: [{ admin: [] }] })
}

/** The actor that {@link requireAdmin} let through. */
export function adminActor(request: FastifyRequest): AdminActor {
  if (request.adminActor === null) throw new Error('the route does not require an admin token')
  return request.adminActor
}

/** No admin token, an unknown one, or one that is no longer in force. */
export function unauthorized(): ProblemError {
  return new ProblemError(401, 'invalid_token', 'send an admin token that is in force as Authorization: Bearer', {
    headers: { 'www-authenticate': 'Bearer realm="countersign"' },
  })
}

/** How secrets are stored and looked up. */
export function sha256(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
