import { type DecisionData, isGranted } from '@countersign/protocol'
import {
  type DecisionRequest,
  type Given,
  invalid,
  readDecisionRequest,
  readObject,
  readText,
  unwrap,
} from './request.js'
import { MOST_CHECKS } from './schemas.js'

const SEMANTICS = ['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'] as const

/** When several evaluations are over. */
export type Semantic = (typeof SEMANTICS)[number]

/** An answer of AuthZEN. */
export interface Evaluation {
  readonly decision: boolean
  readonly context: { readonly [key: string]: unknown }
}

/**
 * Reads one access request. The level is `context.current_aal`, the issuer `subject.properties.issuer`.
 *
 * @throws ProblemError 400 `invalid_body` or `reserved_context_key`
 * @see https://openid.net/specs/authorization-api-1_0.html
 */
export function readEvaluation(given: Given): DecisionRequest {
  const subject = readObject(given, 'subject') ?? invalid('subject is missing')
  const action = readObject(given, 'action') ?? invalid('action is missing')
  const { current_aal: currentAal, ...context } = readObject(given, 'context') ?? {}
  const resource = readObject(given, 'resource')
  return readDecisionRequest({
    subject: {
      type: subject.type,
      id: subject.id,
      issuer: readText(readObject(subject, 'properties') ?? {}, 'issuer'),
    },
    permission: readText(action, 'name') ?? invalid('action.name is missing'),
    resource: resource === undefined ? null : { type: resource.type, id: resource.id },
    context,
    current_aal: currentAal,
  })
}

/**
 * Reads several access requests: what a request says beside its list stands for whatever one of the list leaves out.
 * Undefined when there is no list, or none in it: then it is a single access request.
 *
 * @throws ProblemError 400 `invalid_body` or `reserved_context_key`
 */
export function readEvaluations(given: Given): readonly DecisionRequest[] | undefined {
  const { evaluations, subject, action, resource, context } = given
  if (evaluations === undefined || evaluations === null) return undefined
  if (!Array.isArray(evaluations) || evaluations.length > MOST_CHECKS) {
    invalid(`evaluations is a list of at most ${MOST_CHECKS}`)
  }
  if (evaluations.length === 0) return undefined
  return evaluations.map((evaluation) => readEvaluation({ subject, action, resource, context, ...unwrap(evaluation) }))
}

/** @throws ProblemError 400 `invalid_body` */
export function readSemantic(given: Given): Semantic {
  const named = readText(readObject(given, 'options') ?? {}, 'evaluations_semantic') ?? 'execute_all'
  return (
    SEMANTICS.find((semantic) => semantic === named) ??
    invalid(`evaluations_semantic is one of ${SEMANTICS.join(', ')}`)
  )
}

/** Whether an answer is the last one under a semantic. */
export function endsAt(semantic: Semantic, decision: Pick<DecisionData, 'allowed' | 'requires_step_up'>): boolean {
  return semantic !== 'execute_all' && isGranted(decision) === (semantic === 'permit_on_first_permit')
}

/** A decision in AuthZEN's words: a pending step-up is `decision: false`, with what to ask of the user. */
export function toEvaluation(data: DecisionData): Evaluation {
  const { decision_id, policy_version, aal_source } = data
  const context = { decision_id, policy_version, aal_source }
  if (!data.requires_step_up) return { decision: isGranted(data), context }
  return {
    decision: false,
    context: {
      ...context,
      requires_step_up: true,
      challenge_type: data.challenge_type,
      ...(data.required_aal === null ? {} : { acr_values: data.required_aal }),
      ...(data.max_age === null ? {} : { max_age: data.max_age }),
    },
  }
}
