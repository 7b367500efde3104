import type { Location } from '../errors.js'
import type { Value } from '../value.js'

/** What happened during an evaluation, for `explain` and for coverage. */
export interface Tracer {
  /** A rule's body was entered. */
  entered(rule: number): void
  /** A rule's body held and gave a value. */
  fired(rule: number, value: Value): void
  /** A statement was reached. */
  reached(rule: number, at: Location): void
  /** A statement held. */
  held(rule: number, at: Location): void
}

interface RuleTrace {
  fired: boolean
  value: Value | undefined
  /** Statements in the order in which they were first reached, and whether they held at least once. */
  readonly statements: Map<Location, boolean>
}

/** Remembers per rule how far it came. */
export class RuleTracer implements Tracer {
  readonly rules = new Map<number, RuleTrace>()

  entered(rule: number): void {
    if (!this.rules.has(rule)) this.rules.set(rule, { fired: false, value: undefined, statements: new Map() })
  }

  fired(rule: number, value: Value): void {
    const trace = this.rules.get(rule)
    if (!trace) return
    trace.fired = true
    trace.value = value
  }

  reached(rule: number, at: Location): void {
    const statements = this.rules.get(rule)?.statements
    if (statements && !statements.has(at)) statements.set(at, false)
  }

  held(rule: number, at: Location): void {
    this.rules.get(rule)?.statements.set(at, true)
  }
}
