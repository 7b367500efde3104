import { failClosed, type PolicyDecision } from './decision.js'
import { mergeDemands, parseDemand, type StepUpDemand } from './demand.js'
import { plainDiagnostics } from './plain-json.js'

/**
 * Reads a `result` that policy wrote itself.
 *
 * A deny with `step_up_required` among its diagnostics is a demand; an allow with it is an allow. Whatever has not the
 * exact shape is a denial.
 */
export function readResult(value: unknown): PolicyDecision {
  if (value === undefined) return failClosed('undefined', 'data.countersign.authz.result is undefined for this input')
  if (!isObject(value)) return failClosed('invalid_result', 'result is not an object')
  const { decision, evaluation_status: status, determining_policies: determining = [], diagnostics = [] } = value
  if (decision !== 'allow' && decision !== 'deny') {
    return failClosed('invalid_result', 'result.decision is neither allow nor deny')
  }
  if (status !== 'complete') return failClosed('invalid_result', 'result.evaluation_status is not complete')
  if (!isStrings(determining)) return failClosed('invalid_result', 'result.determining_policies is not a list of names')
  if (!Array.isArray(diagnostics)) return failClosed('invalid_result', 'result.diagnostics is not a list')
  const said = { determining, diagnostics: plainDiagnostics(diagnostics) }
  if (decision === 'allow') return { kind: 'allow', status: 'complete', ...said }
  const demands: StepUpDemand[] = []
  for (const diagnostic of diagnostics) {
    if (!isObject(diagnostic) || !Object.hasOwn(diagnostic, 'step_up_required')) continue
    const demand = parseDemand(diagnostic.step_up_required)
    if (demand === undefined) return { kind: 'deny', status: 'step_up_invalid', ...said }
    demands.push(demand)
  }
  return demands.length === 0
    ? { kind: 'deny', status: 'complete', ...said }
    : { kind: 'step_up', status: 'complete', demands: mergeDemands(demands), ...said }
}

function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
