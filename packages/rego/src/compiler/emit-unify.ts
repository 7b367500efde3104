import type { Eval, Step } from '../eval/context.js'
import { equal, isArray, isObject, objectGet, objectSize, sortedKeys, type Value } from '../value.js'
import { emitTerm } from './emit-term.js'
import type { Env } from './env.js'
import type { Local, Node } from './ir.js'
import { isSameKey } from './safety.js'
import { isBound } from './walk.js'

type Pair = readonly [Node, Node]

/** Code that makes the two sides of each pair equal, binding variables on either side. References must be bound already. */
export function emitUnify(pairs: readonly Pair[], env: Env, then: (env: Env) => Step): Step {
  if (pairs.length === 0) return then(env)
  for (const [at, pair] of pairs.entries()) {
    const rest = [...pairs.slice(0, at), ...pairs.slice(at + 1)]
    const step = emitPair(pair, rest, env, then)
    if (step) return step
  }
  // What is left has variables on both sides that nothing binds; the safety check lets none of these through.
  return () => false
}

function emitPair([left, right]: Pair, rest: readonly Pair[], env: Env, then: (env: Env) => Step): Step | undefined {
  const leftBound = isBound(left, env.bound)
  const rightBound = isBound(right, env.bound)
  if (leftBound && rightBound) {
    return emitEqual(left, right, env, emitUnify(rest, env, then))
  }
  if (rightBound) return emitMatch(left, right, rest, env, then)
  if (leftBound) return emitMatch(right, left, rest, env, then)
  const parts = partwise(left, right)
  if (parts === 'never') return () => false
  return parts && emitUnify([...parts, ...rest], env, then)
}

function emitEqual(left: Node, right: Node, env: Env, next: Step): Step {
  const constant = right.n === 'const' ? right.value : left.n === 'const' ? left.value : undefined
  const other = emitTerm(right.n === 'const' ? left : right, env)
  if (typeof constant === 'string' || typeof constant === 'boolean' || constant === null) {
    return (c, f) => other(c, f) === constant && next(c, f)
  }
  const a = emitTerm(left, env)
  const b = emitTerm(right, env)
  return (c, f) => {
    const x = a(c, f)
    if (x === undefined) return false
    const y = b(c, f)
    return y !== undefined && (x === y || equal(x, y)) && next(c, f)
  }
}

/** A pattern against a term that is bound. */
function emitMatch(
  pattern: Node,
  value: Node,
  rest: readonly Pair[],
  env: Env,
  then: (env: Env) => Step,
): Step | undefined {
  if (pattern.n === 'local')
    return bind(emitTerm(value, env), pattern.local, emitUnify(rest, env.binding(pattern.local), then))
  const parts = partwise(pattern, value)
  if (parts === 'never') return () => false
  if (parts) return emitUnify([...parts, ...rest], env, then)
  if (pattern.n === 'array') {
    const elements = pattern.items.map((item) => env.fresh(item.at))
    const pairs = pattern.items.map((item, at): Pair => [item, localNode(elements[at] as Local, item)])
    const next = emitUnify([...pairs, ...rest], env.binding(...elements), then)
    const slots = elements.map((element) => element.slot)
    const start = emitTerm(value, env)
    return (c, f) => {
      const found = start(c, f)
      if (found === undefined || !isArray(found) || found.length !== slots.length) return false
      for (let at = 0; at < slots.length; at++) f[slots[at] as number] = found[at]
      return next(c, f)
    }
  }
  if (pattern.n === 'object' && pattern.entries.every(([key]) => isBound(key, env.bound))) {
    const members = pattern.entries.map(([, member]) => env.fresh(member.at))
    const pairs = pattern.entries.map(([, member], at): Pair => [member, localNode(members[at] as Local, member)])
    const next = emitUnify([...pairs, ...rest], env.binding(...members), then)
    const keys = pattern.entries.map(([key]) => emitTerm(key, env))
    const slots = members.map((member) => member.slot)
    return matchObject(emitTerm(value, env), keys, slots, next)
  }
  return undefined
}

function matchObject(start: Eval, keys: readonly Eval[], slots: readonly number[], next: Step): Step {
  return (c, f) => {
    const found = start(c, f)
    if (found === undefined || !isObject(found) || objectSize(found) !== keys.length) return false
    for (const [at, key] of keys.entries()) {
      const name = key(c, f)
      const member = name === undefined ? undefined : objectGet(found, name)
      if (member === undefined) return false
      f[slots[at] as number] = member
    }
    return next(c, f)
  }
}

function bind(value: Eval, { slot }: Local, next: Step): Step {
  return (c, f) => {
    const found = value(c, f)
    if (found === undefined) return false
    f[slot] = found
    return next(c, f)
  }
}

function localNode(local: Local, { at }: Node): Node {
  return { n: 'local', local, at }
}

/** Two collections written out are unified part by part. */
function partwise(left: Node, right: Node): readonly Pair[] | 'never' | undefined {
  const [a, b] = [spread(left), spread(right)]
  if (!a || !b) return undefined
  if (a.n !== b.n) return 'never'
  if (a.n === 'array' && b.n === 'array') {
    if (a.items.length !== b.items.length) return 'never'
    return a.items.map((item, at) => [item, b.items[at] as Node] as const)
  }
  if (a.n !== 'object' || b.n !== 'object') return undefined
  if (a.entries.length !== b.entries.length) return 'never'
  const pairs: Pair[] = []
  const constant = [...a.entries, ...b.entries].every(([key]) => key.n === 'const')
  for (const [key, value] of a.entries) {
    const other = b.entries.find(([name]) => isSameKey(key, name))
    if (!other) return constant ? 'never' : undefined
    pairs.push([value, other[1]])
  }
  return pairs
}

/** A collection as its parts, constants too. */
function spread(node: Node): Extract<Node, { n: 'array' | 'set' | 'object' }> | undefined {
  if (node.n === 'array' || node.n === 'object') return node
  if (node.n !== 'const' || typeof node.value !== 'object' || node.value === null) return undefined
  const constant = (value: Value): Node => ({ n: 'const', value, at: node.at })
  if (isArray(node.value)) return { n: 'array', items: node.value.map(constant), at: node.at }
  const { value } = node
  if (!isObject(value)) return undefined
  const entries = sortedKeys(value).map((key) => [constant(key), constant(objectGet(value, key) as Value)] as const)
  return { n: 'object', entries, at: node.at }
}
