/**
 * `some b in data.bindings; b.user == input.user` looks at every binding, unless they are found by user. Base data never
 * changes, so collections in it are indexed by the members that policies compare, when first needed.
 */
import type { Context, Eval, Step } from '../eval/context.js'
import { isArray, isObject, isSet, type Key, keyOf, lookup, objectGet, sortedKeys, type Value } from '../value.js'
import { emitTerm } from './emit-term.js'
import type { Env } from './env.js'
import type { Local, Node, RefNode, Statement } from './ir.js'
import { isBound } from './walk.js'

/** An enumeration of base data of which only the elements with one member's value matter. */
export interface IndexedEach {
  readonly collection: Value
  readonly key: Local
  readonly element: Local
  /** Where in an element the member is; `key` when it is the element's own key. */
  readonly path: readonly Value[] | 'key'
  /** What the member must be. */
  readonly wanted: Node
}

/** The index for a statement, given those that follow it; undefined when there is nothing to gain. */
export function indexedEach(statement: Statement, following: readonly Statement[], env: Env): IndexedEach | undefined {
  const sides = equation(statement)
  if (!sides) return undefined
  for (const [left, right] of [sides, [sides[1], sides[0]] as const]) {
    const source = right.n === 'ref' ? elementsOf(right, env) : undefined
    if (!source) continue
    const { collection, key, path } = source
    if (path.length > 0) {
      if (isCheap(left) && isBound(left, env.bound))
        return { collection, key, element: env.fresh(right.at), path, wanted: left }
      continue
    }
    if (left.n !== 'local' || env.bound.has(left.local) || statement.s !== 'unify') continue
    const demand = demandOn(left.local, key, following, env)
    if (demand) return { collection, key, element: left.local, ...demand }
  }
  return undefined
}

/** A reference into a collection of the base data by one variable that is not bound yet. */
function elementsOf(node: RefNode, env: Env): { collection: Value; key: Local; path: readonly Value[] } | undefined {
  if (node.base !== 'data') return undefined
  let tree = env.program.tree
  let inTree = true
  let collection: Value | undefined = env.program.data
  for (const [at, part] of node.path.entries()) {
    if (part.n === 'local' && !env.bound.has(part.local) && at > 0 && !inTree) {
      const rest = node.path.slice(at + 1)
      const path = rest.flatMap((key) => (key.n === 'const' ? [key.value] : []))
      if (path.length < rest.length || collection === undefined) return undefined
      return typeof collection === 'object' && collection !== null ? { collection, key: part.local, path } : undefined
    }
    if (part.n !== 'const' || collection === undefined) return undefined
    const child = inTree ? tree.child(part.value) : undefined
    if (child) tree = child
    else inTree = false
    if (inTree && tree.rules.length > 0) return undefined
    collection = lookup(collection, part.value)
  }
  return undefined
}

/** What the statements right after an enumeration demand of its elements. Anything that might fail on others ends the search. */
function demandOn(
  element: Local,
  key: Local,
  following: readonly Statement[],
  env: Env,
): { path: readonly Value[] | 'key'; wanted: Node } | undefined {
  for (const statement of following) {
    const sides = equation(statement)
    if (!sides?.every(isCheap)) return undefined
    for (const [left, right] of [sides, [sides[1], sides[0]] as const]) {
      if (left.n === 'local' && left.local === key && isBound(right, env.bound)) return { path: 'key', wanted: right }
      if (left.n !== 'ref' || typeof left.base === 'string' || left.base.n !== 'local' || left.base.local !== element)
        continue
      const path = left.path.flatMap((key) => (key.n === 'const' ? [key.value] : []))
      if (path.length === left.path.length && isBound(right, env.bound)) return { path, wanted: right }
    }
  }
  return undefined
}

/** The two sides of `a == b` or `a = b`. */
function equation(statement: Statement): readonly [Node, Node] | undefined {
  if (statement.with.length > 0) return undefined
  if (statement.s === 'unify') return [statement.left, statement.right]
  if (statement.s !== 'term' || statement.node.n !== 'call' || statement.node.name !== 'equal') return undefined
  const [left, right] = statement.node.args
  return left && right && statement.node.args.length === 2 ? [left, right] : undefined
}

/** A term that can be looked up without calling anything. */
function isCheap(node: Node): boolean {
  if (node.n === 'const' || node.n === 'local') return true
  return node.n === 'ref' && (typeof node.base === 'string' || isCheap(node.base)) && node.path.every(isCheap)
}

type Found = readonly (readonly [key: Value, element: Value])[]

const indexes = new WeakMap<object, Map<string, ReadonlyMap<Key, Found>>>()

function indexOf(collection: Value, path: readonly Value[]): ReadonlyMap<Key, Found> {
  const id = path.map((key) => String(keyOf(key))).join('\u0001')
  const known = indexes.get(collection as object) ?? new Map<string, ReadonlyMap<Key, Found>>()
  indexes.set(collection as object, known)
  let index = known.get(id)
  if (!index) {
    index = build(collection, path)
    known.set(id, index)
  }
  return index
}

function build(collection: Value, path: readonly Value[]): ReadonlyMap<Key, Found> {
  const index = new Map<Key, [Value, Value][]>()
  for (const [key, element] of elements(collection)) {
    let value: Value | undefined = element
    for (const part of path) value = value === undefined ? undefined : lookup(value, part)
    if (value === undefined) continue
    const id = keyOf(value)
    const list = index.get(id)
    if (list) list.push([key, element])
    else index.set(id, [[key, element]])
  }
  return index
}

function elements(collection: Value): readonly (readonly [Value, Value])[] {
  if (isArray(collection)) return collection.map((element, at) => [at, element] as const)
  if (isSet(collection)) return collection.sorted().map((element) => [element, element] as const)
  if (!isObject(collection)) return []
  return sortedKeys(collection).map((key) => [key, objectGet(collection, key) as Value] as const)
}

/** Code for an indexed enumeration; `plain` is the code for evaluations in which a `with` changed the data. */
export function emitIndexed(each: IndexedEach, env: Env, next: Step, plain: Step): Step {
  const wanted: Eval = emitTerm(each.wanted, env)
  const { data } = env.program
  const { collection, path } = each
  const [keySlot, elementSlot] = [each.key.slot, each.element.slot]
  let index: ReadonlyMap<Key, Found> | undefined
  return (c: Context, f) => {
    if (c.data !== data) return plain(c, f)
    const value = wanted(c, f)
    if (value === undefined) return false
    if (path === 'key') {
      const element = lookup(collection, value)
      if (element === undefined) return false
      f[keySlot] = value
      f[elementSlot] = element
      return next(c, f)
    }
    index ??= indexOf(collection, path)
    const found = index.get(keyOf(value))
    if (found === undefined) return false
    for (let at = 0; at < found.length; at++) {
      const [key, element] = found[at] as readonly [Value, Value]
      if (--c.run.fuel < 0) c.run.exhausted()
      f[keySlot] = key
      f[elementSlot] = element
      if (next(c, f)) return true
    }
    return false
  }
}
