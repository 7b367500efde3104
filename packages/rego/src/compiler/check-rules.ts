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
  const [first] = clauses
  const bound = first?.bound ?? before
  const suffix = rule.suffix.map((node) => orderTerm(node, bound, arity, unsafe))
  const key = rule.key && orderTerm(rule.key, bound, arity, unsafe)
  for (const error of unsafeErrors(unsafe)) report(error)
  const ordered = clauses.map(({ clause }) => clause) as [Clause, ...Clause[]]
  return { ...rule, suffix, ...(key && { key }), clauses: ordered }
}

function orderClause(
  rule: RuleNode,
  clause: Clause,
  before: ReadonlySet<Local>,
  arity: Arity,
  unsafe: Unsafe[],
): { clause: Clause; bound: ReadonlySet<Local> } {
  const body = orderBody(clause.body, before, arity)
  unsafe.push(...body.unsafe)
  const heads: Node[] = [...rule.suffix, ...(rule.key ? [rule.key] : []), clause.value]
  if (body.unsafe.length === 0) unsafe.push(...unsafeTerms(heads, body.bound))
  const value = orderTerm(clause.value, body.bound, arity, unsafe)
  return { clause: { ...clause, body: body.body, value }, bound: body.bound }
}
