import type { Compiled } from './compiler/compile.js'
import { resultJson } from './eval/result.js'
import type { RuleTracer } from './eval/tracer.js'
import type { Json } from './value.js'

/** What became of one rule in an evaluation. Each body of a rule with several stands for itself. */
export interface RuleReport {
  /** The rule's path, such as `data.app.allow`. */
  readonly rule: string
  readonly file: string
  readonly line: number
  readonly column: number
  /** Whether its body held at least once. */
  readonly fired: boolean
  /** What it gave, of several values the last; absent when it did not fire. */
  readonly value?: Json
  /** The first statement that held for nothing, when it did not fire. */
  readonly failedAt?: { readonly line: number; readonly column: number }
}

/** A value and how it came about. */
export interface Explanation {
  /** As `evaluate` gives it. */
  readonly value: Json | undefined
  /** The rules that were looked at, in the order in which they were first entered. */
  readonly rules: readonly RuleReport[]
}

export function ruleReports(tracer: RuleTracer, { rules }: Compiled, maxSize: number): RuleReport[] {
  const byId = new Map(rules.map((rule) => [rule.id, rule]))
  return [...tracer.rules].flatMap(([id, trace]) => {
    const rule = byId.get(id)
    if (!rule || rule.default) return []
    const failed = [...trace.statements].find(([, held]) => !held)?.[0]
    const report: RuleReport = {
      rule: rule.name,
      file: rule.at.file,
      line: rule.at.line,
      column: rule.at.column,
      fired: trace.fired,
      ...(trace.fired && trace.value !== undefined && { value: resultJson(trace.value, maxSize) }),
      ...(!trace.fired && failed && { failedAt: { line: failed.line, column: failed.column } }),
    }
    return [report]
  })
}
