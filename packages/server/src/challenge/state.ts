import { type ChallengeState, challengeState } from '@countersign/protocol'
import type { ChallengeRecord, Throttle } from './record.js'

/**
 * The state of a challenge together with what it stands on, at `now` (milliseconds): what the requester holds is the
 * chain, and it is satisfied only when every part of it is. A predecessor lives as long as its successor, so the last
 * one's expiry is the chain's.
 *
 * @example
 * ```ts
 * const { challenge, now } = await readChallenge(db, zoneId, id, caller)
 * if (challenge && chainState(challenge, now) === 'satisfied') present(challenge)
 * ```
 */
export function chainState(challenge: ChallengeRecord, now: number): ChallengeState {
  const own = challengeState(challenge, now)
  if (own === 'consumed' || own === 'rejected') return own
  // A predecessor that is consumed while its successor is not was never left so by a commit: nothing may come of it.
  if (challenge.predecessors.some((part) => part.rejectedAt !== null || part.consumedAt !== null)) return 'rejected'
  if (own !== 'satisfied') return own
  return challenge.predecessors.every((part) => part.satisfiedAt !== null) ? 'satisfied' : 'pending'
}

/**
 * Whole seconds until requests with a challenge are looked at again, for `Retry-After`; 0 when they are looked at now.
 */
export function cooldownSeconds(throttle: Throttle | null, now: number): number {
  const until = throttle?.blockedUntil ?? 0
  return until <= now ? 0 : Math.ceil((until - now) / 1000)
}
