/** Puts the bodies of rules in order, and finds variables that nothing binds. */
import type { Diagnostic } from '../errors.js'
import type { Clause, Local, Node, RuleNode } from './ir.js'
import { type Arity, orderBody, orderTerm, type Unsafe, unsafeErrors, unsafeTerms } from './safety.js'
import { localsOf } from './walk.js'

export function orderRule(rule: RuleNode, arity: Arity, report: (error: Diagnostic) => void): RuleNode {
  const before = new Set<Local>()
  for (const arg of rule.args ?? []) localsOf(arg, false, before)
  const unsafe: Unsafe[] = []
  const clauses = rule.clauses.map((clause) => orderClause(rule, clause, before, arity, unsafe))
  for (const error of unsafeErrors(unsafe)) report(error)
  return { ...rule, clauses: clauses as [Clause, ...Clause[]] }
}

function orderClause(
  rule: RuleNode,
  clause: Clause,
  before: ReadonlySet<Local>,
  arity: Arity,
  unsafe: Unsafe[],
): Clause {
  const body = orderBody(clause.body, before, arity)
  unsafe.push(...body.unsafe)
  const heads: Node[] = [...rule.suffix, ...(rule.key ? [rule.key] : []), clause.value]
  if (body.unsafe.length === 0) unsafe.push(...unsafeTerms(heads, body.bound))
  return { ...clause, body: body.body, value: orderTerm(clause.value, body.bound, arity, unsafe) }
}
