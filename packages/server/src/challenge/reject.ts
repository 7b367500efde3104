import { challengeState } from '@countersign/protocol'
import type { AdminEvent } from '../authority/administration/mutate.js'
import { appendEvent, createEvent, Personal } from '../ledger/event.js'
import type { Db, Tx } from '../store/database.js'
import { announce, lockZone } from '../store/zone-change.js'
import { markRejected, readLocked } from './admin-queries.js'
import { CAPABILITY_FOR } from './judge.js'
import type { StoredChallenge } from './record.js'
import type { Act } from './satisfy.js'

export type Rejection =
  | { readonly outcome: 'rejected'; readonly id: string; readonly rejectedAt: number; readonly event: AdminEvent }
  | { readonly outcome: 'not_found' }
  | { readonly outcome: 'refused'; readonly status: 403; readonly code: 'wrong_capability'; readonly detail: string }

/**
 * Rejects a challenge that is pending, or satisfied and not yet used, with everything that stands on it. Whoever could
 * satisfy it may reject it, and so may whoever administers the zone: refusing authority needs less trust than lending
 * it, so neither ownership nor the requester set matters, and a requester may take back a request of their own. The
 * caller's transaction appends the event.
 */
export async function rejectChallenge(tx: Tx, act: Act, reason: string | null): Promise<Rejection> {
  const { zoneId, id, now, approver } = act
  const challenge = await readLocked(tx, zoneId, id)
  if (challenge === undefined || !isOpen(challenge, now)) return { outcome: 'not_found' }
  const needed = CAPABILITY_FOR[challenge.type]
  if (!approver.bootstrap && !approver.capabilities.has(needed) && !approver.capabilities.has('write')) {
    const detail = `rejecting a challenge of type ${challenge.type} needs a token that can "${needed}" or "write"`
    return { outcome: 'refused', status: 403, code: 'wrong_capability', detail }
  }
  const ended = await end(tx, challenge, now, reason)
  const event = {
    ...endingEvent('challenge.rejected', challenge, ended),
    owner: approver.owner === null ? undefined : new Personal({ ...approver.owner }),
    reason: reason === null ? undefined : new Personal(reason),
  }
  return { outcome: 'rejected', id, rejectedAt: now, event }
}

/**
 * Cancels a challenge for its requester: it is rejected, with the reason `cancelled`. One that is over is left as it
 * is. The caller has shown a secret of it.
 */
export async function cancelChallenge(db: Db, zoneId: string, id: string): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const now = await lockZone(tx, zoneId)
    const challenge = now === undefined ? undefined : await readLocked(tx, zoneId, id)
    if (now === undefined || challenge === undefined || !isOpen(challenge, now)) return
    const ended = await end(tx, challenge, now, 'cancelled')
    const event = endingEvent('challenge.cancelled', challenge, ended)
    const fields = { ...event, outcome: 'recorded', actor: `application:${challenge.applicationId}` } as const
    await appendEvent(tx, createEvent({ zoneId, now, fields }))
  })
}

function isOpen(challenge: StoredChallenge, now: number): boolean {
  const state = challengeState(challenge, now)
  return state === 'pending' || state === 'satisfied'
}

async function end(tx: Tx, { zoneId, id }: StoredChallenge, now: number, reason: string | null): Promise<string[]> {
  const ended = await markRejected(tx, zoneId, id, now, reason)
  await announce(tx, ...ended.map((one) => ({ topic: 'challenge' as const, zoneId, id: one })))
  return ended
}

function endingEvent(type: string, challenge: StoredChallenge, ended: readonly string[]): AdminEvent {
  return {
    type,
    challenge_id: challenge.id,
    challenge_ids: ended,
    challenge_type: challenge.type,
    application_id: challenge.applicationId,
    session_id: challenge.sessionId,
  }
}
