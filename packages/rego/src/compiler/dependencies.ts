/** Which rules a rule uses, and whether it comes back to itself. */
import { type Diagnostic, diagnostic } from '../errors.js'
import { equal, type Value } from '../value.js'
import type { CallNode, Node, RuleNode, Statement, WithNode } from './ir.js'
import { children, statementNodes, walkNode } from './walk.js'

type Path = readonly (Value | undefined)[]

/** Reports each rule that depends on itself. */
export function checkRecursion(rules: readonly RuleNode[], report: (error: Diagnostic) => void): void {
  const index = new RuleIndex(rules)
  const uses = new Map<RuleNode, readonly RuleNode[]>()
  for (const rule of rules) uses.set(rule, [...new Set(references(rule).flatMap((path) => index.selected(path)))])
  const cyclic = inCycles(rules, uses)
  for (const rule of rules) {
    if (!cyclic.has(rule)) continue
    const path = cycleFrom(rule, uses)
    if (!path) continue
    const names = [...path, rule].map(({ name }) => name).join(' -> ')
    report(diagnostic('rego_recursion_error', `rule ${rule.name} is recursive: ${names}`, rule.at))
  }
}

/** Rules by their paths, so that a reference finds those it may mean. */
class RuleIndex {
  readonly #byPackage = new Map<string, RuleNode[]>()
  readonly #all: readonly RuleNode[]

  constructor(rules: readonly RuleNode[]) {
    this.#all = rules
    for (const rule of rules) {
      for (let length = 1; length <= rule.path.length; length++) {
        const key = pathKey(rule.path.slice(0, length))
        const list = this.#byPackage.get(key)
        if (list) list.push(rule)
        else this.#byPackage.set(key, [rule])
      }
    }
  }

  selected(path: Path): RuleNode[] {
    const constant = path.indexOf(undefined)
    const front = (constant < 0 ? path : path.slice(0, constant)) as readonly Value[]
    // The longest constant front that leads to rules; a rule may be shorter than the reference to it.
    for (let length = front.length; length > 0; length--) {
      const found = this.#byPackage.get(pathKey(front.slice(0, length)))
      if (found) return found.filter((rule) => mayMean(path, rule))
    }
    return front.length === 0 ? this.#all.filter((rule) => mayMean(path, rule)) : []
  }
}

function pathKey(path: readonly Value[]): string {
  return path.map((key) => (typeof key === 'string' ? key : `\u0000${String(key)}`)).join('\u0001')
}

function mayMean(path: Path, rule: RuleNode): boolean {
  const own: Path = [...rule.path, ...rule.suffix.map((node) => (node.n === 'const' ? node.value : undefined))]
  for (let at = 0; at < Math.min(path.length, own.length); at++) {
    const [a, b] = [path[at], own[at]]
    if (a !== undefined && b !== undefined && !equal(a, b)) return false
  }
  return true
}

/** The paths below `data` that a rule refers to; undefined stands for a key that is not constant. */
function references(rule: RuleNode): Path[] {
  const paths: Path[] = []
  const visitNode = (node: Node): void =>
    walkNode(node, (one) => {
      if (one.n === 'ref' && one.base === 'data') {
        paths.push(one.path.map((key) => (key.n === 'const' ? key.value : undefined)))
      }
      if (one.n === 'call' && one.path) paths.push(one.path)
      if (one.n === 'comprehension') {
        if (one.key) visitNode(one.key)
        visitNode(one.value)
        visitBody(one.body)
      }
      return undefined
    })
  const visitBody = (body: readonly Statement[]): void => {
    for (const statement of body) {
      for (const node of statementNodes(statement)) visitNode(node)
      for (const { replacement } of statement.with) if (replacement?.path) paths.push(replacement.path)
      if (statement.s === 'every' || statement.s === 'not') visitBody(statement.body)
    }
  }
  for (const node of [...rule.suffix, ...(rule.args ?? []), ...(rule.key ? [rule.key] : [])]) visitNode(node)
  for (const { value, body } of rule.clauses) {
    visitNode(value)
    visitBody(body)
  }
  return paths
}

/** Rules that lie on a cycle, by Tarjan's strongly connected components. */
function inCycles(rules: readonly RuleNode[], uses: ReadonlyMap<RuleNode, readonly RuleNode[]>): Set<RuleNode> {
  const order = new Map<RuleNode, number>()
  const low = new Map<RuleNode, number>()
  const stack: RuleNode[] = []
  const onStack = new Set<RuleNode>()
  const cyclic = new Set<RuleNode>()
  const visit = (root: RuleNode): void => {
    const work: { rule: RuleNode; next: number }[] = [{ rule: root, next: 0 }]
    while (work.length > 0) {
      const top = work[work.length - 1] as { rule: RuleNode; next: number }
      const { rule } = top
      if (top.next === 0) {
        order.set(rule, order.size)
        low.set(rule, order.size - 1)
        stack.push(rule)
        onStack.add(rule)
      }
      const other = uses.get(rule)?.[top.next]
      top.next++
      if (other) {
        if (!order.has(other)) work.push({ rule: other, next: 0 })
        else if (onStack.has(other)) low.set(rule, Math.min(low.get(rule) ?? 0, order.get(other) ?? 0))
        continue
      }
      work.pop()
      const parent = work.at(-1)?.rule
      if (parent) low.set(parent, Math.min(low.get(parent) ?? 0, low.get(rule) ?? 0))
      if (low.get(rule) !== order.get(rule)) continue
      const component = stack.splice(stack.indexOf(rule))
      for (const member of component) onStack.delete(member)
      if (component.length > 1 || uses.get(rule)?.includes(rule)) for (const member of component) cyclic.add(member)
    }
  }
  for (const rule of rules) if (!order.has(rule)) visit(rule)
  return cyclic
}

/** The shortest way from a rule back to it, without the last step. */
function cycleFrom(start: RuleNode, uses: ReadonlyMap<RuleNode, readonly RuleNode[]>): RuleNode[] | undefined {
  const from = new Map<RuleNode, RuleNode | undefined>([[start, undefined]])
  const queue = [start]
  for (let rule = queue.shift(); rule; rule = queue.shift()) {
    for (const other of uses.get(rule) ?? []) {
      if (other === start) {
        const path: RuleNode[] = []
        for (let step: RuleNode | undefined = rule; step; step = from.get(step)) path.unshift(step)
        return path
      }
      if (from.has(other)) continue
      from.set(other, rule)
      queue.push(other)
    }
  }
  return undefined
}

type VisitCall = (call: CallNode, isStatement: boolean) => void

/** Every call in a rule, and whether it is a statement of its own, where it may have its result as a last operand. */
export function calls(rule: RuleNode, visit: VisitCall): void {
  for (const node of [...rule.suffix, ...(rule.args ?? []), ...(rule.key ? [rule.key] : [])])
    callsInTerm(node, visit, false)
  for (const { value, body } of rule.clauses) {
    callsInTerm(value, visit, false)
    callsIn(body, visit)
  }
}

/** Every call in statements. */
export function callsIn(body: readonly Statement[], visit: VisitCall): void {
  for (const statement of body) {
    for (const [at, node] of statementNodes(statement).entries())
      callsInTerm(node, visit, at === 0 && statement.s === 'term')
    if (statement.s === 'every' || statement.s === 'not') callsIn(statement.body, visit)
  }
}

/** Every `with` in a rule. */
export function withsOf(rule: RuleNode, visit: (one: WithNode) => void): void {
  const inBody = (body: readonly Statement[]): void => {
    for (const statement of body) {
      for (const one of statement.with) visit(one)
      for (const node of statementNodes(statement)) inTerm(node)
      if (statement.s === 'every' || statement.s === 'not') inBody(statement.body)
    }
  }
  const inTerm = (node: Node): void =>
    walkNode(node, (one) => {
      if (one.n === 'template') for (const part of one.parts) if (typeof part !== 'string') part.with.forEach(visit)
      if (one.n === 'comprehension') {
        for (const head of one.key ? [one.key, one.value] : [one.value]) inTerm(head)
        inBody(one.body)
      }
      return undefined
    })
  for (const { value, body } of rule.clauses) {
    inTerm(value)
    inBody(body)
  }
}

function callsInTerm(node: Node, visit: VisitCall, isStatement: boolean): void {
  if (node.n === 'call') visit(node, isStatement)
  for (const child of children(node)) callsInTerm(child, visit, false)
  if (node.n !== 'comprehension') return
  if (node.key) callsInTerm(node.key, visit, false)
  callsInTerm(node.value, visit, false)
  callsIn(node.body, visit)
}
