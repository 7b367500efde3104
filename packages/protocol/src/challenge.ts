/** The types of step-up, in the order in which several are asked one after another. */
export const CHALLENGE_TYPES = ['mfa', 'software_attestation', 'human_approval'] as const

/** What kind of proof a challenge demands. */
export type ChallengeType = (typeof CHALLENGE_TYPES)[number]

/** Whether an unknown value names a challenge type. */
export function isChallengeType(value: unknown): value is ChallengeType {
  return CHALLENGE_TYPES.some((type) => type === value)
}

/** The states a challenge can be in. */
export const CHALLENGE_STATES = ['pending', 'satisfied', 'rejected', 'expired', 'consumed'] as const

/** Where a challenge is in its life. */
export type ChallengeState = (typeof CHALLENGE_STATES)[number]

/** The instants that decide a challenge's state, in milliseconds since the epoch; `null` for what has not happened. */
export interface ChallengeInstants {
  readonly expiresAt: number
  readonly satisfiedAt: number | null
  readonly rejectedAt: number | null
  readonly consumedAt: number | null
}

/**
 * The state of a challenge at `now` (milliseconds), by precedence: consumed, rejected, expired, satisfied, pending.
 *
 * @example
 * ```ts
 * challengeState({ expiresAt: 300_000, satisfiedAt: 1_000, rejectedAt: null, consumedAt: null }, 2_000) // 'satisfied'
 * ```
 */
export function challengeState(challenge: ChallengeInstants, now: number): ChallengeState {
  if (challenge.consumedAt !== null) return 'consumed'
  if (challenge.rejectedAt !== null) return 'rejected'
  if (challenge.expiresAt <= now) return 'expired'
  return challenge.satisfiedAt !== null ? 'satisfied' : 'pending'
}
