import { createHash } from 'node:crypto'
import { canonicalJson, challengeState, identityKey, type Json } from '@countersign/protocol'
import type { AdminEvent } from '../authority/administration/mutate.js'
import { Personal } from '../ledger/event.js'
import type { Tx } from '../store/database.js'
import { announce } from '../store/zone-change.js'
import { insertProof, markSatisfied, readLocked, readPresentRequesters } from './admin-queries.js'
import { type Approver, countApprovals, judge, type Submission, type Verdict } from './judge.js'
import type { Proof, StoredChallenge } from './record.js'

export type Satisfaction =
  | {
      readonly outcome: 'recorded'
      readonly id: string
      /** Milliseconds; null while a quorum is only partly met. */
      readonly satisfiedAt: number | null
      readonly approver: string
      readonly approvals: { readonly have: number; readonly need: number }
      readonly event: AdminEvent
    }
  | { readonly outcome: 'not_found' }
  | ({ readonly outcome: 'refused' } & Omit<Extract<Verdict, { verdict: 'refused' }>, 'verdict'>)

/** Under the zone's lock: which challenge, when, and by whom. The caller has seen that the token is in force. */
export interface Act {
  readonly zoneId: string
  readonly id: string
  /** The database's time under the lock, in milliseconds. */
  readonly now: number
  readonly approver: Approver
}

/**
 * Records a proof towards a pending challenge, and satisfies it when that was the last one it needed. The caller's
 * transaction appends the event. Satisfying does not consume: only an exchange does.
 */
export async function satisfyChallenge(tx: Tx, act: Act, submission: Submission): Promise<Satisfaction> {
  const { zoneId, id, now, approver } = act
  const challenge = await readLocked(tx, zoneId, id)
  if (challenge === undefined || challengeState(challenge, now) !== 'pending') return { outcome: 'not_found' }
  const requesters = await requesterKeys(tx, challenge)
  const verdict = judge({ challenge, approver, requesters, submission, now })
  if (verdict.verdict === 'refused') {
    return { outcome: 'refused', status: verdict.status, code: verdict.code, detail: verdict.detail }
  }
  const { proof } = verdict
  const approvals = countApprovals({ ...challenge, proofs: [...challenge.proofs, proof] }, requesters)
  const satisfied = approvals.have >= approvals.need
  await insertProof(tx, zoneId, id, proof)
  if (satisfied) await markSatisfied(tx, zoneId, id, now, proof.reason)
  await announce(tx, { topic: 'challenge', zoneId, id })
  return {
    outcome: 'recorded',
    id,
    satisfiedAt: satisfied ? now : null,
    approver: approver.id,
    approvals,
    event: proofEvent(challenge, proof, approvals, satisfied),
  }
}

// The chain's predecessors were made by the same request, so its own requesters are the chain's.
async function requesterKeys(tx: Tx, challenge: StoredChallenge): Promise<ReadonlySet<string>> {
  const present = await readPresentRequesters(tx, challenge.zoneId, challenge.requesterApplications)
  return new Set([...challenge.requesters, ...present.map(identityKey)])
}

function proofEvent(
  challenge: StoredChallenge,
  proof: Proof,
  approvals: { readonly have: number; readonly need: number },
  satisfied: boolean,
): AdminEvent {
  return {
    type: satisfied ? 'challenge.satisfied' : 'challenge.approved',
    owner: new Personal({ ...proof.owner }),
    challenge_id: challenge.id,
    challenge_type: challenge.type,
    application_id: challenge.applicationId,
    session_id: challenge.sessionId,
    method: proof.method,
    aal: proof.aal ?? undefined,
    amr: proof.aal === null ? undefined : proof.amr,
    auth_time: proof.authTime === null ? undefined : new Date(proof.authTime).toISOString(),
    evidence_sha256: proof.evidence === null ? undefined : sha256(canonicalJson(proof.evidence as Json)),
    reason: proof.reason === null ? undefined : new Personal(proof.reason),
    approvals,
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
