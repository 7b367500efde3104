import type { FastifyRequest } from 'fastify'
import { authenticateCaller, type CallerFailureReason, ONCE_ASSERTION } from '../authority/caller/authenticate.js'
import { parseBasic } from '../authority/caller/basic.js'
import { noSuchZone, readClientId, readZoneId } from '../authority/caller/fields.js'
import { MAX_TOKEN_LENGTH } from '../authority/jws/compact.js'
import { type Application, issuerOf, type Snapshots, type ZoneSnapshot } from '../authority/snapshot.js'
import { type Form, field, formOf } from '../http/form.js'
import { OAuthError } from '../http/oauth-error.js'
import type { Clock } from '../store/clock.js'
import type { Db } from '../store/database.js'
import { lockZone } from '../store/zone-change.js'
import { useOnce } from './queries.js'

/** A caller that was not authenticated, for the ledger. */
export interface Stranger {
  readonly zoneId: string
  readonly ip: string
  readonly reason: CallerFailureReason | 'assertion_replayed'
  readonly endpoint: 'introspect' | 'revoke'
  readonly requestId: string
  readonly now: number
}

export interface OAuthRequestDeps {
  readonly db: Db
  readonly clock: Clock
  readonly snapshots: Snapshots
  readonly baseUrl: string
  /** Told of each caller that could not be authenticated. */
  readonly onStranger?: (stranger: Stranger) => Promise<void>
}

/** An authenticated application that asks about a token. */
export interface TokenQuestion {
  readonly snapshot: ZoneSnapshot
  readonly application: Application
  readonly token: string
  readonly now: number
}

/**
 * Reads and authenticates a request about a token, as the token endpoint does its own: the zone from the path or the
 * form, the application by secret or by an assertion that is used up with this.
 *
 * @throws OAuthError
 */
export async function readTokenQuestion(
  deps: OAuthRequestDeps,
  request: FastifyRequest,
  endpoint: Stranger['endpoint'],
): Promise<TokenQuestion> {
  const form = formOf(request)
  const snapshot = await zoneOf(deps, request, form)
  const clientId = readClientId(form)
  const now = deps.clock.now()
  const refuse = async (reason: Stranger['reason']): Promise<void> => {
    await deps.onStranger?.({
      zoneId: snapshot.zoneId,
      ip: request.ip,
      reason,
      endpoint,
      requestId: request.id,
      now,
    })
  }
  const caller = await authenticateCaller({
    snapshot,
    basic: parseBasic(request.headers.authorization),
    clientId,
    clientSecret: field(form, 'client_secret'),
    assertion: field(form, 'client_assertion'),
    assertionType: field(form, 'client_assertion_type'),
    issuer: issuerOf(deps.baseUrl, snapshot.zoneId),
    now,
  })
  if (caller.kind === 'failed') {
    await refuse(caller.reason)
    throw new OAuthError(caller.error, caller.message)
  }
  const { application, once } = caller
  if (once !== undefined) {
    const value = { kind: ONCE_ASSERTION, key: once.jtiHash, expiresAt: once.expiresAt }
    const fresh = await deps.db.transaction().execute(async (tx) => {
      await lockZone(tx, snapshot.zoneId)
      return useOnce(tx, snapshot.zoneId, value)
    })
    if (!fresh) {
      await refuse('assertion_replayed')
      throw new OAuthError('invalid_client', 'client authentication failed: the assertion was used before')
    }
  }
  const token = field(form, 'token')
  if (token === undefined) throw new OAuthError('invalid_request', 'token is missing')
  if (token.length > MAX_TOKEN_LENGTH) throw new OAuthError('invalid_request', 'token is longer than 8 KiB')
  return { snapshot, application, token, now }
}

async function zoneOf(deps: OAuthRequestDeps, request: FastifyRequest, form: Form): Promise<ZoneSnapshot> {
  const { zone_id: inPath } = request.params as { readonly zone_id?: string }
  const snapshot = await deps.snapshots.current(readZoneId(form, inPath))
  if (snapshot === undefined) throw noSuchZone()
  return snapshot
}
