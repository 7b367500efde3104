import { findSession, setStatus } from '../authority/sessions/queries.js'
import { OAuthError } from '../http/oauth-error.js'
import { appendEvent, createEvent } from '../ledger/event.js'
import type { Db, Tx } from '../store/database.js'
import { lockZone } from '../store/zone-change.js'
import type { MandateClaims } from './claims.js'
import type { TokenQuestion } from './oauth-request.js'
import { insertRevoked } from './queries.js'
import { verifyMandate } from './verify.js'

/**
 * Revokes a mandate for whoever holds it. A session mandate is its holder's session, so that ends with everything that
 * stands on it: of one that was delegated the actor's session, for the subject's is another application's. A mandate for a
 * resource ends alone. What is no mandate, or none any more, is revoked already.
 *
 * @throws OAuthError `unauthorized_client` for a mandate of another application
 * @see https://www.rfc-editor.org/rfc/rfc7009#section-2.1
 */
export async function revoke(
  deps: { readonly db: Db; readonly baseUrl: string },
  { snapshot, application, token, now }: TokenQuestion,
): Promise<void> {
  const mandate = await verifyMandate(snapshot, deps.baseUrl, token, now)
  if (mandate.kind === 'refused') return
  const { claims } = mandate
  if (claims.client_id !== application.id) {
    throw new OAuthError('unauthorized_client', 'only the application that holds a mandate may revoke it')
  }
  await deps.db.transaction().execute(async (tx) => {
    const at = await lockZone(tx, snapshot.zoneId)
    if (at === undefined) return
    if (claims.use === 'session') await revokeSession(tx, claims, at)
    else await revokeResourceMandate(tx, claims, at)
  })
}

async function revokeSession(tx: Tx, claims: MandateClaims, now: number): Promise<void> {
  const { zone_id: zoneId, act } = claims
  const sid = act?.sid ?? claims.sid
  const session = await findSession(tx, zoneId, sid)
  if (session === undefined || session.status === 'revoked') return
  await setStatus(tx, zoneId, sid, 'revoked', 'revoked by the application that held it')
  await record(tx, 'session.revoked', { ...claims, sid }, now)
}

async function revokeResourceMandate(tx: Tx, claims: MandateClaims, now: number): Promise<void> {
  const mandate = { jti: claims.jti, expiresAt: claims.exp * 1000 }
  if (await insertRevoked(tx, claims.zone_id, mandate)) await record(tx, 'mandate.revoked', claims, now)
}

async function record(tx: Tx, type: string, claims: MandateClaims, now: number): Promise<void> {
  const fields = {
    type,
    outcome: 'recorded',
    actor: `application:${claims.client_id}`,
    application_id: claims.client_id,
    session_id: claims.sid,
    jti: claims.jti,
    issued_by: claims.txn,
  } as const
  await appendEvent(tx, createEvent({ zoneId: claims.zone_id, now, fields }))
}
