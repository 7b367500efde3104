import type {
  Aal,
  ChallengeType,
  Decision,
  DeniedDecision,
  GrantedDecision,
  StepUpDecision,
  UnavailableDecision,
  UnavailableReason,
} from '@countersign/client'

/** Nothing is known yet, or what was known has expired. */
export interface Pending {
  readonly status: 'pending'
  readonly allowed: false
  readonly loading: true
  readonly requiresStepUp: false
  readonly requiredAal: null
}

/** The user may act, now. */
export interface Granted {
  readonly status: 'granted'
  readonly allowed: true
  readonly loading: false
  readonly requiresStepUp: false
  readonly requiredAal: null
  readonly decision: GrantedDecision
}

/** The user may act after stronger proof. `maxAge` is in seconds. */
export interface StepUp {
  readonly status: 'step_up'
  readonly allowed: false
  readonly loading: false
  readonly requiresStepUp: true
  /** `null` when the proof is of another kind, an approval for instance. */
  readonly requiredAal: Aal | null
  readonly maxAge: number | null
  readonly challengeType: ChallengeType | null
  readonly decision: StepUpDecision
}

/** The user may not act. */
export interface Denied {
  readonly status: 'denied'
  readonly allowed: false
  readonly loading: false
  readonly requiresStepUp: false
  readonly requiredAal: null
  readonly decision: DeniedDecision
}

/** Nobody can say, so it is a no. */
export interface Unavailable {
  readonly status: 'unavailable'
  readonly allowed: false
  readonly loading: false
  readonly requiresStepUp: false
  readonly requiredAal: null
  readonly reason: UnavailableReason
  readonly decision: UnavailableDecision
}

/**
 * What a hook knows about its question, in two forms that always agree: the `status` to switch on, and the familiar
 * flags, of which `allowed` is already the granted one: it is `true` for `granted` alone.
 */
export type PermissionState = Pending | Granted | StepUp | Denied | Unavailable

const NO = { allowed: false, loading: false, requiresStepUp: false, requiredAal: null } as const

/** The one pending state. */
export const PENDING: Pending = Object.freeze({ ...NO, status: 'pending', loading: true })

/** The state that a decision is shown as. */
export function stateOf(decision: Decision): PermissionState {
  switch (decision.status) {
    case 'granted':
      return Object.freeze({ ...NO, status: 'granted', allowed: true, decision })
    case 'step_up': {
      const { requiredAal, maxAge, challengeType } = decision
      return Object.freeze({
        ...NO,
        status: 'step_up',
        requiresStepUp: true,
        requiredAal,
        maxAge,
        challengeType,
        decision,
      })
    }
    case 'denied':
      return Object.freeze({ ...NO, status: 'denied', decision })
    default:
      return Object.freeze({ ...NO, status: 'unavailable', reason: decision.reason, decision })
  }
}
