import { type Json, maxAal } from '@countersign/protocol'
import { sessionStanding } from '../authority/assurance.js'
import type { PolicyDecision } from '../policy/decision.js'
import { type MfaDemand, mergeDemands, recency, type StepUpDemand } from '../policy/demand.js'
import { evaluatePolicy } from '../policy/evaluate.js'
import {
  type Mutable,
  nowInput,
  type PolicyContext,
  type PolicyInput,
  principalInput,
  sessionInput,
} from '../policy/input.js'
import { meetsDemand, type ResolvedChallenge, sessionMeets } from '../policy/proof.js'
import type { Attempt } from './context.js'
import type { Parties } from './parties.js'
import type { Target } from './targets.js'

/** What policy makes of a whole request. */
export type Judgement = { readonly decisions: readonly PolicyDecision[] } & (
  | { readonly kind: 'allowed'; readonly used: readonly ResolvedChallenge[] }
  | { readonly kind: 'demanded'; readonly demand: StepUpDemand }
  | { readonly kind: 'denied' }
)

/**
 * Judges a request: first as if nothing had been proved, so that what policy demands *now* is known and the proof is
 * held against that; then, only if the proof meets all of it, with the challenge resolved.
 *
 * With several resources there is one evaluation each. Any plain denial refuses the request, and demands merge into the
 * strictest.
 *
 * @param chain the resolved challenges presented, the one in hand first; empty for none
 */
export function judge(
  evaluate: (proofs: readonly ResolvedChallenge[]) => readonly PolicyDecision[],
  chain: readonly ResolvedChallenge[],
  now: number,
): Judgement {
  const unproved = evaluate([])
  const asked = demandsOf(unproved)
  if (asked === 'denied') return { kind: 'denied', decisions: unproved }
  if (asked.length === 0) return { kind: 'allowed', decisions: unproved, used: [] }
  const missing = firstUnmet(asked, chain, now)
  if (missing !== undefined) return { kind: 'demanded', decisions: unproved, demand: missing }
  const proved = evaluate(chain)
  const more = demandsOf(proved)
  if (more === 'denied') return { kind: 'denied', decisions: proved }
  if (more.length === 0) return { kind: 'allowed', decisions: proved, used: chain }
  const further = firstUnmet(more, chain, now)
  // Policy asks again for what was just proved: asking once more would go on for ever.
  return further === undefined
    ? { kind: 'denied', decisions: proved }
    : { kind: 'demanded', decisions: proved, demand: further }
}

function demandsOf(decisions: readonly PolicyDecision[]): readonly StepUpDemand[] | 'denied' {
  const demands: StepUpDemand[] = []
  for (const decision of decisions) {
    if (decision.kind === 'deny') return 'denied'
    if (decision.kind === 'step_up') demands.push(...decision.demands)
  }
  return mergeDemands(demands)
}

function firstUnmet(
  demands: readonly StepUpDemand[],
  chain: readonly ResolvedChallenge[],
  now: number,
): StepUpDemand | undefined {
  return demands.find((demand) => !chain.some((proof) => meetsDemand(proof, demand, now)))
}

/** Judges a request for a resource mandate by the zone's policy. */
export function judgeTargets(
  attempt: Attempt,
  parties: Parties,
  targets: readonly Target[],
  chain: readonly ResolvedChallenge[],
  lastUsedAt: number,
): Judgement {
  const evaluate = (proofs: readonly ResolvedChallenge[]): PolicyDecision[] =>
    targets.map((target) => {
      const input = policyInput(attempt, parties, target, proofs, lastUsedAt)
      return evaluatePolicy(attempt.snapshot.policySet, input, proofs, attempt.now)
    })
  return judge(evaluate, chain, attempt.now)
}

/**
 * Judges a request for a session mandate: nothing is decided by policy, only what the caller itself asks to raise. Nobody
 * asks for less than the session has: a proof of less would be used up without raising anything.
 */
export function judgeSession(
  attempt: Attempt,
  parties: Parties,
  chain: readonly ResolvedChallenge[],
  lastUsedAt: number,
): Judgement {
  const { raise } = attempt.request
  const standing = sessionStanding(parties.session, attempt.snapshot.settings, attempt.now, lastUsedAt)
  const demand: MfaDemand | undefined =
    raise === undefined
      ? undefined
      : { type: 'mfa', aal: maxAal(raise.aal ?? 'aal1', standing.aal), ...recency(raise.maxAge) }
  const said = { status: 'complete', determining: [], diagnostics: [] } as const
  const evaluate = (proofs: readonly ResolvedChallenge[]): PolicyDecision[] => {
    const met =
      demand === undefined ||
      sessionMeets(standing.aal, standing.age, demand) ||
      proofs.some((proof) => meetsDemand(proof, demand, attempt.now))
    return [met ? { kind: 'allow', ...said } : { kind: 'step_up', demands: [demand], ...said }]
  }
  return judge(evaluate, chain, attempt.now)
}

function policyInput(
  attempt: Attempt,
  parties: Parties,
  target: Target,
  proofs: readonly ResolvedChallenge[],
  lastUsedAt: number,
): PolicyInput {
  const { request, origin, snapshot, now } = attempt
  const { resource, grant } = target
  const context: Mutable<PolicyContext> = {
    requested_scopes: target.scopes,
    challenge_resolved: proofs.length > 0,
    session_id: parties.session.id,
    now: nowInput(now),
    ip: origin.ip,
  }
  if (proofs[0] !== undefined) context.challenge = challengeInput(proofs[0])
  if (parties.subjectClaims !== undefined) context.subject_claims = parties.subjectClaims as Json
  if (parties.actorClaims !== undefined) context.actor_claims = parties.actorClaims as Json
  if (origin.traceId !== undefined) context.trace_id = origin.traceId
  if (request.agentSessionId !== undefined) context.agent_session_id = request.agentSessionId
  if (request.delegationEdgeId !== undefined) context.delegation_edge_id = request.delegationEdgeId
  return {
    schema_version: '1',
    principal: principalInput(snapshot, parties.subject),
    resource: { type: 'Resource', id: resource.id, identifier: resource.identifier, scopes: resource.scopes },
    action: { id: 'TokenExchange' },
    session: sessionInput(snapshot, parties.session, now, lastUsedAt),
    grant: { id: grant.id, scopes: grant.scopes },
    context,
  }
}

function challengeInput(presented: ResolvedChallenge): NonNullable<PolicyContext['challenge']> {
  return {
    id: presented.id,
    type: presented.type,
    satisfied_at: new Date(presented.satisfiedAt).toISOString(),
    ...(presented.aal === null ? {} : { aal: presented.aal }),
    amr: presented.amr,
    approvers: presented.approvers,
  }
}
