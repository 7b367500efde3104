import { type Aal, type AalSource, type ChallengeType, isAal, isChallengeType } from '@countersign/protocol'
import { isObject, stringOr } from './json.js'

/** What every answer of the decision point carries, whatever it says. */
export interface DecisionFacts {
  readonly decisionId: string | null
  /** Grows with every activation of a policy set in the zone; `null` when the service did not say. */
  readonly policyVersion: number | null
  /** Where the decision's assurance level came from. */
  readonly aalSource: AalSource | null
  readonly matched: readonly { readonly type: string; readonly key: string }[]
  readonly explanation: readonly string[]
}

/** The subject may act, now. */
export interface GrantedDecision extends DecisionFacts {
  readonly status: 'granted'
}

/** The subject may act only after stronger proof: for now this is a no. `maxAge` is in seconds. */
export interface StepUpDecision extends DecisionFacts {
  readonly status: 'step_up'
  /** The level to reach; `null` when the proof is of another kind, an approval for instance. */
  readonly requiredAal: Aal | null
  readonly maxAge: number | null
  readonly challengeType: ChallengeType | null
}

/** The subject may not act. */
export interface DeniedDecision extends DecisionFacts {
  readonly status: 'denied'
}

/** Why there is no answer. */
export type UnavailableReason = 'no-subject' | 'invalid query' | 'transport' | 'invalid body' | 'timeout' | 'aborted'

/** Nobody could say, so it is a no. `httpStatus` and `code` are the service's, when it answered with an error. */
export interface UnavailableDecision {
  readonly status: 'unavailable'
  readonly reason: UnavailableReason
  readonly httpStatus?: number
  readonly code?: string
}

/** The answer to a {@link DecisionQuery}. There is no `allowed` to misread: only `granted` permits. */
export type Decision = GrantedDecision | StepUpDecision | DeniedDecision | UnavailableDecision

/**
 * Whether an answer permits. Takes this package's decisions and the service's own body (`allowed`, `requires_step_up`),
 * and says no to anything else.
 *
 * @example
 * ```ts
 * if (isGranted(await decisions.check(query))) await transfer()
 * ```
 */
export function isGranted(decision: Decision): decision is GrantedDecision
export function isGranted(decision: { readonly allowed: boolean; readonly requires_step_up: boolean }): boolean
export function isGranted(decision: unknown): boolean {
  if (!isObject(decision)) return false
  return 'status' in decision ? decision.status === 'granted' : readDecision(decision).status === 'granted'
}

/** An `unavailable` decision. */
export function unavailable(
  reason: UnavailableReason,
  details: { httpStatus?: number; code?: string } = {},
): UnavailableDecision {
  return Object.freeze({ status: 'unavailable', reason, ...details })
}

/**
 * Reads a decision body, in its `{data: …}` envelope or flat. A body that contradicts itself or cannot be read is
 * `unavailable` with reason `invalid body`: whatever it was meant to say, it does not grant. The result is frozen.
 */
export function readDecision(body: unknown): Decision {
  const data = unwrap(body)
  if (!isObject(data)) return unavailable('invalid body')
  const requiredAal = data.required_aal ?? null
  const maxAge = data.max_age ?? null
  const challengeType = data.challenge_type ?? null
  const stepUp = data.requires_step_up
  if (
    typeof data.allowed !== 'boolean' ||
    typeof stepUp !== 'boolean' ||
    (requiredAal !== null && !isAal(requiredAal)) ||
    (maxAge !== null && !(typeof maxAge === 'number' && maxAge >= 0)) ||
    (challengeType !== null && !isChallengeType(challengeType)) ||
    // A demand without the flag: somebody forgot one of the two, and only one of the two mistakes is harmless.
    (!stepUp && (requiredAal !== null || maxAge !== null || challengeType !== null))
  ) {
    return unavailable('invalid body')
  }
  const facts = factsOf(data)
  if (!data.allowed) return Object.freeze({ status: 'denied', ...facts })
  if (!stepUp) return Object.freeze({ status: 'granted', ...facts })
  return Object.freeze({ status: 'step_up', requiredAal, maxAge, challengeType, ...facts })
}

/** The inside of a `{data: …}` envelope; `undefined` for a body that is an envelope and an answer at once. */
export function unwrap(body: unknown): unknown {
  if (!isObject(body) || !('data' in body)) return body
  return 'allowed' in body ? undefined : body.data
}

/** The value if it is a policy version: a whole number that can be compared. */
export function policyVersionOf(value: unknown): number | null {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : null
}

function factsOf(data: Record<string, unknown>): DecisionFacts {
  const source = data.aal_source
  return {
    decisionId: stringOr(data.decision_id) ?? null,
    policyVersion: policyVersionOf(data.policy_version),
    aalSource: source === 'asserted' || source === 'session' || source === 'token' ? source : null,
    matched: Object.freeze(Array.isArray(data.matched) ? data.matched.filter(isMatch).map(matchOf) : []),
    explanation: Object.freeze(
      Array.isArray(data.explanation) ? data.explanation.filter((line) => typeof line === 'string') : [],
    ),
  }
}

function isMatch(value: unknown): value is { type: string; key: string } {
  return isObject(value) && typeof value.type === 'string' && typeof value.key === 'string'
}

function matchOf({ type, key }: { type: string; key: string }): { readonly type: string; readonly key: string } {
  return Object.freeze({ type, key })
}
