import { RegoError, type RuleReport } from '@countersign/rego'
import type { ActivePolicySet } from '../authority/snapshot.js'
import { type CompiledPolicySet, compiledPolicySet } from './compile.js'
import { type ComposedRules, compose } from './composition.js'
import { failClosed, type PolicyDecision } from './decision.js'
import type { PolicyInput } from './input.js'
import type { ResolvedChallenge } from './proof.js'
import { readResult } from './result.js'

const PACKAGE = 'data.countersign.authz'
const RESULT = `${PACKAGE}.result`
const RULES = ['allow', 'deny', 'step_up', 'require'] as const

/**
 * What the active policy set decides for an input. Whatever goes wrong is a denial that says so. `now` in milliseconds.
 *
 * @param proofs the resolved challenges of this request, the one presented first
 */
export function evaluatePolicy(
  set: ActivePolicySet | null,
  input: PolicyInput,
  proofs: readonly ResolvedChallenge[],
  now: number,
): PolicyDecision {
  if (set === null) return failClosed('no_policy', 'no policy set is active in this zone')
  const compiled = compiledPolicySet(set)
  if (compiled instanceof Error) return failClosed('engine_error', compiled.message)
  return evaluateCompiled(compiled, input, proofs, now)
}

/** When policy is evaluated, in nanoseconds for a policy that asks. `now` in milliseconds. */
class At {
  constructor(private readonly now: number) {}

  get nowNs(): bigint {
    return BigInt(this.now) * 1_000_000n
  }
}

/** The same for a set that need not be the active one. */
export function evaluateCompiled(
  { policy, composed }: CompiledPolicySet,
  input: PolicyInput,
  proofs: readonly ResolvedChallenge[],
  now: number,
): PolicyDecision {
  const at = new At(now)
  try {
    if (!composed) return readResult(policy.evaluate(RESULT, input, at))
    const rules = Object.fromEntries(RULES.map((rule) => [rule, policy.evaluate(`${PACKAGE}.${rule}`, input, at)]))
    return compose(rules as unknown as ComposedRules, input, proofs, now)
  } catch (error) {
    if (error instanceof RegoError) return failClosed('engine_error', error.message)
    throw error
  }
}

/** Which rules were looked at for a decision, whether each held, and where it stands. */
export function explainCompiled(
  { policy, composed }: CompiledPolicySet,
  input: PolicyInput,
  now: number,
): readonly RuleReport[] {
  const at = new At(now)
  try {
    const asked = composed ? RULES : (['result'] as const)
    return asked.flatMap((rule) => policy.explain(`${PACKAGE}.${rule}`, input, at).rules)
  } catch (error) {
    if (error instanceof RegoError) return []
    throw error
  }
}

/** The same of the active set, a line a rule: `data.countersign.authz.allow held at payments.rego:7`. */
export function explainPolicy(set: ActivePolicySet | null, input: PolicyInput, now: number): string[] {
  const compiled = set === null ? undefined : compiledPolicySet(set)
  if (compiled === undefined || compiled instanceof Error) return []
  return explainCompiled(compiled, input, now).map(({ rule, file, line, fired, failedAt }) =>
    fired
      ? `${rule} held at ${file}:${line}`
      : `${rule} at ${file}:${line} did not hold${failedAt ? `: line ${failedAt.line}` : ''}`,
  )
}
