/**
 * Which rules can hold at all. Rules that compare one thing with constants (`input.action == "read"`) are found by that thing's
 * value, so that a thousand of them cost what ten do.
 */
import type { Context } from '../eval/context.js'
import { type Key, keyOf, lookup, RegoSet, type Value } from '../value.js'
import type { Clause, Local, Node, RuleNode, Statement } from './ir.js'

/** Something to look at before any body is entered: a member of `input`, or a function's operand. */
interface Subject {
  readonly name: string
  readonly value: (c: Context, args: readonly Value[]) => Value | undefined
}

/** What a rule demands of a subject: to be one of these. */
type Demands = ReadonlyMap<string, { readonly subject: Subject; readonly keys: ReadonlySet<Key> }>

interface Entry<R> {
  readonly rule: R
  readonly demands: Demands
}

/** Finds the rules that can hold. */
export type FindRules<R> = (c: Context, args: readonly Value[]) => readonly R[]

/** With fewer rules than this, trying them all is as fast. */
const MIN_RULES = 4
const MAX_DEPTH = 3

export function indexRules<R extends { readonly rule: RuleNode }>(rules: readonly R[]): FindRules<R> | undefined {
  const entries = rules.map((rule) => ({ rule, demands: demandsOf(rule.rule) }))
  return indexed(entries, 0)
}

function indexed<R>(entries: readonly Entry<R>[], depth: number): FindRules<R> | undefined {
  if (entries.length < MIN_RULES || depth >= MAX_DEPTH) return undefined
  const subject = bestSubject(entries)
  if (!subject) return undefined
  const free = entries.filter(({ demands }) => !demands.has(subject.name))
  const keys = new Set(entries.flatMap(({ demands }) => [...(demands.get(subject.name)?.keys ?? [])]))
  const table = new Map<Key, FindRules<R>>()
  for (const key of keys) {
    const matching = entries.filter(({ demands }) => demands.get(subject.name)?.keys.has(key) ?? true)
    table.set(key, finder(matching, depth))
  }
  const otherwise = finder(free, depth)
  return (c, args) => {
    const value = subject.value(c, args)
    const found = value === undefined ? undefined : table.get(keyOf(value))
    return (found ?? otherwise)(c, args)
  }
}

function finder<R>(entries: readonly Entry<R>[], depth: number): FindRules<R> {
  const rules = entries.map(({ rule }) => rule)
  return indexed(entries, depth + 1) ?? (() => rules)
}

/** The subject with the most different constants, if it tells rules apart. */
function bestSubject<R>(entries: readonly Entry<R>[]): Subject | undefined {
  const found = new Map<string, { subject: Subject; keys: Set<Key>; rules: number }>()
  for (const { demands } of entries) {
    for (const [name, { subject, keys }] of demands) {
      const one = found.get(name) ?? { subject, keys: new Set<Key>(), rules: 0 }
      for (const key of keys) one.keys.add(key)
      one.rules++
      found.set(name, one)
    }
  }
  let best: { subject: Subject; keys: Set<Key>; rules: number } | undefined
  for (const one of found.values()) {
    const separates = one.keys.size > 1 || one.rules < entries.length
    if (separates && one.rules > 1 && (!best || one.rules * one.keys.size > best.rules * best.keys.size)) best = one
  }
  return best?.subject
}

function demandsOf(rule: RuleNode): Demands {
  const [first, ...others] = rule.clauses.map((clause) => clauseDemands(rule, clause))
  if (!first) return new Map()
  const common = new Map<string, { subject: Subject; keys: Set<Key> }>()
  for (const [name, { subject, keys }] of first) {
    // An `else` is tried when the rule's own body fails, so it has to demand the same subject.
    if (!others.every((other) => other.has(name))) continue
    const all = new Set(keys)
    for (const other of others) for (const key of other.get(name)?.keys ?? []) all.add(key)
    common.set(name, { subject, keys: all })
  }
  return common
}

function clauseDemands(rule: RuleNode, clause: Clause): Map<string, { subject: Subject; keys: Set<Key> }> {
  const demands = new Map<string, { subject: Subject; keys: Set<Key> }>()
  const add = (subject: Subject | undefined, keys: readonly Value[]) => {
    if (!subject || demands.has(subject.name)) return
    demands.set(subject.name, { subject, keys: new Set(keys.map(keyOf)) })
  }
  const operands = new Map<Local, number>()
  for (const [at, arg] of (rule.args ?? []).entries()) {
    if (arg.n === 'const' && isScalar(arg.value)) add(operand(at), [arg.value])
    else if (arg.n === 'local' && !operands.has(arg.local)) operands.set(arg.local, at)
  }
  const aliases = new Map<Local, Node>()
  const subjectOf = (node: Node): Subject | undefined => {
    if (node.n === 'ref' && node.base === 'input') return inputMember(node.path)
    if (node.n !== 'local') return undefined
    const at = operands.get(node.local)
    if (at !== undefined) return operand(at)
    const alias = aliases.get(node.local)
    return alias && subjectOf(alias)
  }
  for (const statement of clause.body) {
    const sides = comparison(statement)
    if (!sides) continue
    const [left, right, isMember] = sides
    if (isMember) {
      const elements = right.n === 'const' ? scalarsIn(right.value) : undefined
      if (elements) add(subjectOf(left), elements)
      continue
    }
    if (right.n === 'const' && isScalar(right.value)) add(subjectOf(left), [right.value])
    else if (left.n === 'const' && isScalar(left.value)) add(subjectOf(right), [left.value])
    else if (left.n === 'local' && !aliases.has(left.local) && subjectOf(right)) aliases.set(left.local, right)
  }
  return demands
}

/** The two sides of `a == b`, `a = b`, `a := b` or `a in b`. */
function comparison(statement: Statement): readonly [Node, Node, boolean] | undefined {
  if (statement.with.length > 0) return undefined
  if (statement.s === 'unify') return [statement.left, statement.right, false]
  if (statement.s !== 'term' || statement.node.n !== 'call') return undefined
  const { name, args } = statement.node
  const [left, right] = args
  if (!left || !right || args.length !== 2) return undefined
  if (name === 'equal') return [left, right, false]
  return name === 'internal.member_2' ? [left, right, true] : undefined
}

function operand(at: number): Subject {
  return { name: `operand ${at}`, value: (_, args) => args[at] }
}

function inputMember(path: readonly Node[]): Subject | undefined {
  const keys: Value[] = []
  for (const key of path) {
    if (key.n !== 'const' || !isScalar(key.value)) return undefined
    keys.push(key.value)
  }
  return {
    name: `input ${JSON.stringify(keys.map(String))}`,
    value: (c) => {
      let value = c.input
      for (const key of keys) {
        if (value === undefined) return undefined
        value = lookup(value, key)
      }
      return value
    },
  }
}

function isScalar(value: Value): boolean {
  return value === null || typeof value !== 'object'
}

function scalarsIn(collection: Value): readonly Value[] | undefined {
  const elements = Array.isArray(collection)
    ? (collection as readonly Value[])
    : collection instanceof RegoSet
      ? collection.sorted()
      : undefined
  return elements?.every(isScalar) ? elements : undefined
}
