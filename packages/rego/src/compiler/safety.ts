/**
 * Safety: every variable gets its value from somewhere before it is used. Statements are put into an order in which that is
 * so, as OPA does; where there is none, the variables left over are unsafe.
 */
import { type Diagnostic, diagnostic, type Location } from '../errors.js'
import { equal } from '../value.js'
import type { CallNode, ComprehensionNode, Local, Node, Statement } from './ir.js'
import {
  bodyLocals,
  children,
  closureLocals,
  isBound,
  localsOf,
  statementNodes,
  walkNode,
  withChildren,
} from './walk.js'

/** How many operands a function takes. */
export type Arity = (call: CallNode) => number | undefined

export interface Unsafe {
  readonly local: Local
  readonly at: Location
}

export interface Ordered {
  readonly body: readonly Statement[]
  /** Everything bound after the body. */
  readonly bound: ReadonlySet<Local>
  readonly unsafe: readonly Unsafe[]
}

/** Orders a body, and the bodies inside it, for variables that are bound before it. */
export function orderBody(body: readonly Statement[], before: ReadonlySet<Local>, arity: Arity): Ordered {
  const visible = new Map(body.map((statement) => [statement, visibleLocals(statement)]))
  const all = new Set([...visible.values()].flatMap((locals) => [...locals]))
  const safe = new Set(before)
  const placed: Statement[] = []
  const unsafe: Unsafe[] = []
  let left = body
  for (;;) {
    const waiting: Statement[] = []
    for (const statement of left) {
      const outputs = outputsOf(statement, safe, arity)
      const needs = [...(visible.get(statement) ?? [])]
      const closed = [...closedOver(statement)].filter((local) => all.has(local))
      if (needs.every((local) => safe.has(local) || outputs.has(local)) && closed.every((local) => safe.has(local))) {
        const inner = orderClosures(statement, safe, arity)
        placed.push(inner.statement)
        unsafe.push(...inner.unsafe)
        for (const local of needs) safe.add(local)
      } else {
        waiting.push(statement)
      }
    }
    if (waiting.length === left.length || waiting.length === 0) {
      left = waiting
      break
    }
    left = waiting
  }
  for (const statement of left) {
    const outputs = outputsOf(statement, safe, arity)
    const missing = [...(visible.get(statement) ?? [])].filter((local) => !safe.has(local) && !outputs.has(local))
    const closed = [...closedOver(statement)].filter((local) => all.has(local) && !safe.has(local))
    for (const local of new Set([...missing, ...closed])) unsafe.push({ local, at: statement.at })
    placed.push(statement)
  }
  return { body: placed, bound: safe, unsafe }
}

/** What a rule's head, or a comprehension's, still lacks after its body; references in it may bind variables themselves. */
export function unsafeTerms(nodes: readonly Node[], bound: ReadonlySet<Local>): Unsafe[] {
  const safe = new Set(bound)
  for (const node of nodes) for (const local of refOutputs(node, safe)) safe.add(local)
  return nodes.flatMap((node) =>
    [...localsOf(node)].filter((local) => !safe.has(local)).map((local) => ({ local, at: node.at })),
  )
}

export function unsafeErrors(unsafe: readonly Unsafe[]): Diagnostic[] {
  const seen = new Set<string>()
  const errors: Diagnostic[] = []
  for (const { local, at } of unsafe) {
    const name = local.generated ? '_' : local.name
    const key = `${at.line}:${at.column}:${name}`
    if (seen.has(key)) continue
    seen.add(key)
    errors.push(diagnostic('rego_unsafe_var_error', `var ${name} is unsafe`, at))
  }
  return errors
}

/** Variables of a statement that must be bound when it has run; those of nested bodies are their own. */
function visibleLocals(statement: Statement): Set<Local> {
  const locals = new Set<Local>()
  for (const node of statementNodes(statement)) localsOf(node, false, locals)
  if (statement.s === 'not' && !statement.explicit) {
    for (const inner of statement.body) for (const local of visibleLocals(inner)) locals.add(local)
  }
  return locals
}

/** Variables inside comprehensions and other nested bodies. */
function closedOver(statement: Statement): Set<Local> {
  const locals = new Set<Local>()
  for (const node of statementNodes(statement)) {
    walkNode(node, (one) => {
      if (one.n === 'comprehension') for (const local of closureLocals(one)) locals.add(local)
      return undefined
    })
  }
  if (statement.s === 'every') {
    bodyLocals(statement.body, locals)
    locals.delete(statement.value)
    if (statement.key) locals.delete(statement.key)
  }
  if (statement.s === 'not') {
    if (statement.explicit) bodyLocals(statement.body, locals)
    else for (const inner of statement.body) for (const local of closedOver(inner)) locals.add(local)
  }
  return locals
}

/** Variables that a statement binds, given those that are bound. */
function outputsOf(statement: Statement, safe: ReadonlySet<Local>, arity: Arity): Set<Local> {
  const none = new Set<Local>()
  if (statement.s === 'not') return none
  if (statement.with.some(({ value }) => !isBound(value, safe))) return none
  switch (statement.s) {
    case 'every':
      return refOutputs(statement.domain, safe)
    case 'unify':
      return unifyOutputs(statement.left, statement.right, safe)
    case 'term': {
      const { node } = statement
      const outputs = refOutputs(node, safe)
      if (node.n !== 'call') return outputs
      const count = arity(node)
      if (count === undefined || node.args.length !== count + 1) return outputs
      const known = new Set([...safe, ...outputs])
      if (node.args.slice(0, -1).every((arg) => isBound(arg, known))) addPattern(node.args[count] as Node, outputs)
      return outputs
    }
  }
}

/** Variables in the paths of a term's references, where what the reference starts from is bound. */
function refOutputs(node: Node, safe: ReadonlySet<Local>): Set<Local> {
  const outputs = new Set<Local>()
  walkNode(node, (one) => {
    if (one.n !== 'ref') return undefined
    if (typeof one.base !== 'string') {
      if (one.base.n === 'local' && !safe.has(one.base.local) && !outputs.has(one.base.local)) return false
    }
    for (const part of one.path) addPattern(part, outputs)
    return undefined
  })
  return outputs
}

function unifyOutputs(left: Node, right: Node, safe: ReadonlySet<Local>): Set<Local> {
  const outputs = new Set([...refOutputs(left, safe), ...refOutputs(right, safe)])
  const known = new Set([...safe, ...outputs])
  const pairs = leafPairs(left, right)
  for (let grew = true; grew; ) {
    grew = false
    for (const [a, b] of pairs) {
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        if (!isBound(from, known) || isBound(to, known)) continue
        const pattern = new Set<Local>()
        addPattern(to, pattern)
        for (const local of pattern) {
          if (known.has(local)) continue
          known.add(local)
          outputs.add(local)
          grew = true
        }
      }
    }
  }
  return outputs
}

/** Collections written out on both sides are unified part by part. */
function leafPairs(left: Node, right: Node): (readonly [Node, Node])[] {
  if (left.n === 'array' && right.n === 'array' && left.items.length === right.items.length) {
    return left.items.flatMap((item, at) => leafPairs(item, right.items[at] as Node))
  }
  if (left.n === 'object' && right.n === 'object') {
    return left.entries.flatMap(([key, value]) => {
      const other = right.entries.find(([name]) => isSameKey(key, name))
      return other ? leafPairs(value, other[1]) : []
    })
  }
  return [[left, right]]
}

/** Whether two keys are the same constant or the same variable. */
export function isSameKey(a: Node, b: Node): boolean {
  if (a.n === 'const') return b.n === 'const' && equal(a.value, b.value)
  return a.n === 'local' && b.n === 'local' && a.local === b.local
}

/** The variables that a pattern binds when it is matched. */
function addPattern(node: Node, into: Set<Local>): void {
  if (node.n === 'local') into.add(node.local)
  else if (node.n === 'array') for (const item of node.items) addPattern(item, into)
  else if (node.n === 'object') for (const [, value] of node.entries) addPattern(value, into)
}

interface OrderedStatement {
  readonly statement: Statement
  readonly unsafe: readonly Unsafe[]
}

/** Orders the bodies inside a statement. */
function orderClosures(statement: Statement, safe: ReadonlySet<Local>, arity: Arity): OrderedStatement {
  const unsafe: Unsafe[] = []
  const term = (node: Node): Node => orderTerm(node, safe, arity, unsafe)
  const withs = statement.with.map((one) => ({ ...one, value: term(one.value) }))
  switch (statement.s) {
    case 'term':
      return { statement: { ...statement, with: withs, node: term(statement.node) }, unsafe }
    case 'unify':
      return {
        statement: { ...statement, with: withs, left: term(statement.left), right: term(statement.right) },
        unsafe,
      }
    case 'every': {
      const domain = term(statement.domain)
      const inner = new Set([...safe, ...localsOf(statement.domain), statement.value])
      if (statement.key) inner.add(statement.key)
      const body = orderBody(statement.body, inner, arity)
      return { statement: { ...statement, with: withs, domain, body: body.body }, unsafe: [...unsafe, ...body.unsafe] }
    }
    case 'not': {
      const body = orderBody(statement.body, safe, arity)
      return { statement: { ...statement, with: withs, body: body.body }, unsafe: [...unsafe, ...body.unsafe] }
    }
  }
}

/** Orders the bodies of the comprehensions in a term. */
export function orderTerm(node: Node, safe: ReadonlySet<Local>, arity: Arity, unsafe: Unsafe[]): Node {
  if (node.n === 'comprehension') return orderComprehension(node, safe, arity, unsafe)
  const parts = children(node)
  if (parts.length === 0) return node
  const ordered = parts.map((part) => orderTerm(part, safe, arity, unsafe))
  return ordered.every((part, at) => part === parts[at]) ? node : withChildren(node, ordered)
}

function orderComprehension(node: ComprehensionNode, safe: ReadonlySet<Local>, arity: Arity, unsafe: Unsafe[]): Node {
  const body = orderBody(node.body, safe, arity)
  unsafe.push(...body.unsafe)
  const heads = node.key ? [node.key, node.value] : [node.value]
  unsafe.push(...unsafeTerms(heads, body.bound))
  const term = (head: Node) => orderTerm(head, body.bound, arity, unsafe)
  return { ...node, ...(node.key && { key: term(node.key) }), value: term(node.value), body: body.body }
}
