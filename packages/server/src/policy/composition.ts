import { type ChallengeType, isAal, type Json } from '@countersign/protocol'
import { failClosed, type PolicyDecision } from './decision.js'
import { type MfaDemand, mergeDemands, parseDemand, type StepUpDemand, storedDemand } from './demand.js'
import type { PolicyInput } from './input.js'
import { plainDiagnostics } from './plain-json.js'
import { meetsDemand, type ResolvedChallenge, sessionMeets } from './proof.js'

/** The partial rules of a policy set that leaves the result to be composed; undefined for a rule nobody wrote. */
export interface ComposedRules {
  readonly allow: unknown
  readonly deny: unknown
  readonly step_up: unknown
  readonly require: unknown
}

/**
 * Makes the decision from partial rules: any `deny` denies; otherwise no `allow` denies; otherwise what `require` and
 * `step_up` ask for and nobody has met yet is demanded; otherwise it is allowed.
 *
 * A `require` is met by the session's own level and age, or by an `mfa` proof of this request; a `step_up` by a resolved
 * challenge of its type.
 */
export function compose(
  rules: ComposedRules,
  input: PolicyInput,
  proofs: readonly ResolvedChallenge[],
  now: number,
): PolicyDecision {
  const allows = list(rules.allow)
  const denies = list(rules.deny)
  const stepUps = list(rules.step_up)
  const requires = list(rules.require)
  if (allows === undefined || denies === undefined || stepUps === undefined || requires === undefined) {
    return failClosed('invalid_result', 'allow, deny, step_up and require must be sets')
  }
  if (denies.length > 0)
    return {
      kind: 'deny',
      status: 'complete',
      determining: denies.map(policyName),
      diagnostics: plainDiagnostics(denies),
    }
  if (allows.length === 0)
    return { kind: 'deny', status: 'complete', determining: [], diagnostics: [{ message: 'no policy allows it' }] }
  const demands: { demand: StepUpDemand; policy: string }[] = []
  for (const rule of stepUps) {
    const demand = isObject(rule) ? parseDemand(rule) : undefined
    if (demand === undefined) return invalidDemand('step_up', rule)
    demands.push({ demand, policy: policyName(rule) })
  }
  for (const rule of requires) {
    const demand = readRequirement(rule)
    if (demand === undefined) return invalidDemand('require', rule)
    if (!isMetBy(input, demand)) demands.push({ demand, policy: policyName(rule) })
  }
  const unmet = demands.filter(({ demand }) => !proofs.some((proof) => meetsDemand(proof, demand, now)))
  if (unmet.length > 0) {
    return {
      kind: 'step_up',
      status: 'complete',
      determining: [...new Set(unmet.map(({ policy }) => policy))],
      diagnostics: unmet.map(({ demand, policy }) => ({ policy, step_up_required: describeDemand(demand) })),
      demands: mergeDemands(unmet.map(({ demand }) => demand)),
    }
  }
  return { kind: 'allow', status: 'complete', determining: allows.map(policyName), diagnostics: [] }
}

/** A demand as policy would write it. */
export function describeDemand(demand: StepUpDemand): {
  readonly type: ChallengeType
  readonly [member: string]: Json | undefined
} {
  const { type, ttlSeconds } = demand
  return { type, ...storedDemand(demand), ...(ttlSeconds === undefined ? {} : { ttl_seconds: ttlSeconds }) }
}

function readRequirement(rule: Json): MfaDemand | undefined {
  if (!isObject(rule)) return undefined
  const { policy: _, ...asked } = rule
  if (asked.aal === undefined && asked.max_age === undefined) return undefined
  if (asked.type !== undefined) return undefined
  // A requirement of age alone asks for no particular level.
  const demand = parseDemand({ type: 'mfa', aal: 'aal1', ...asked })
  return demand?.type === 'mfa' ? demand : undefined
}

// Inputs that a policy is tried on may hold anything.
function isMetBy({ session }: PolicyInput, demand: MfaDemand): boolean {
  const { aal, authenticated_seconds_ago: age } = session ?? {}
  return isAal(aal) && sessionMeets(aal, age, demand)
}

function invalidDemand(rule: string, value: Json): PolicyDecision {
  return {
    kind: 'deny',
    status: 'step_up_invalid',
    determining: [policyName(value)],
    diagnostics: [{ message: `a ${rule} rule asks for something that cannot be demanded` }],
  }
}

function list(value: unknown): Json[] | undefined {
  return value === undefined ? [] : Array.isArray(value) ? (value as Json[]) : undefined
}

function policyName(rule: Json): string {
  if (typeof rule === 'string') return rule
  return isObject(rule) && typeof rule.policy === 'string' ? rule.policy : 'unnamed'
}

function isObject(value: unknown): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
