import type { Json } from '@countersign/protocol'
import type { StepUpDemand } from './demand.js'

/** How far an evaluation came; anything but `complete` is a denial. */
export type EvaluationStatus =
  | 'complete'
  /** No policy set is active in the zone. */
  | 'no_policy'
  /** Policy has no result for this input. */
  | 'undefined'
  /** The result has not the shape of one, or says that it is incomplete. */
  | 'invalid_result'
  /** The engine stopped with an error, or a limit. */
  | 'engine_error'
  /** A step-up was demanded in a form that is not one. */
  | 'step_up_invalid'

/** What policy says of one request for one resource. */
export type PolicyDecision = {
  readonly status: EvaluationStatus
  readonly determining: readonly string[]
  readonly diagnostics: readonly Json[]
} & (
  | { readonly kind: 'allow' }
  | { readonly kind: 'deny' }
  | { readonly kind: 'step_up'; readonly demands: readonly StepUpDemand[] }
)

/** A denial that policy did not get to decide. */
export function failClosed(status: EvaluationStatus, message: string): PolicyDecision {
  return { kind: 'deny', status, determining: [], diagnostics: [{ message }] }
}
