import type { Context, Eval } from '../eval/context.js'
import { baseAt, baseMember, document, member, type Place } from '../eval/place.js'
import { Decimal, lookup, type PlainObject, RegoObject, RegoSet, type Value } from '../value.js'
import { emitTerm } from './emit-term.js'
import type { Env } from './env.js'
import type { Node, RefNode } from './ir.js'
import type { RuleTree } from './rule-tree.js'

/** Code for a reference whose variables are all bound. */
export function emitRef(node: RefNode, env: Env): Eval {
  if (node.base === 'input') return emitLookups((c) => c.input, node.path, env)
  if (node.base === 'data') return emitData(node.path, env)
  return emitLookups(emitTerm(node.base, env), node.path, env)
}

/** Code that looks keys up, one in what the last gave. */
export function emitLookups(start: Eval, path: readonly Node[], env: Env): Eval {
  let value = start
  for (const key of path) value = emitLookup(value, key, env)
  return value
}

function emitLookup(base: Eval, key: Node, env: Env): Eval {
  if (key.n === 'const' && typeof key.value === 'string') {
    const name = key.value
    return (c, f) => stringMember(base(c, f), name)
  }
  const index = emitTerm(key, env)
  return (c, f) => {
    const value = base(c, f)
    if (value === undefined) return undefined
    const at = index(c, f)
    return at === undefined ? undefined : lookup(value, at)
  }
}

/** The member of an object or set under a string. */
function stringMember(value: Value | undefined, key: string): Value | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (value instanceof RegoObject) return value.get(key)
  if (Array.isArray(value) || value instanceof RegoSet || value instanceof Decimal) return lookup(value, key)
  return Object.hasOwn(value, key) ? (value as PlainObject)[key] : undefined
}

/** Where a reference below `data` leads as far as its constants say. */
export function staticTree(path: readonly Node[], env: Env): { tree: RuleTree; depth: number } {
  let tree = env.program.tree
  let depth = 0
  for (const key of path) {
    if (tree.rules.length > 0) break
    const child = key.n === 'const' ? tree.child(key.value) : undefined
    if (!child) break
    tree = child
    depth++
  }
  return { tree, depth }
}

function emitData(path: readonly Node[], env: Env): Eval {
  const { program } = env
  const { tree, depth } = staticTree(path, env)
  const rest = path.slice(depth)
  const [first, ...more] = rest
  if (tree.rules.length > 0) {
    const group = program.groupOf(tree)
    if (!first) return (c) => group.value(c)
    if (group.kind === 'set' || group.kind === 'object') {
      const key = emitTerm(first, env)
      return emitLookups(
        (c, f) => {
          const value = key(c, f)
          return value === undefined ? undefined : group.member(c, value)
        },
        more,
        env,
      )
    }
    return emitLookups((c) => group.value(c), rest, env)
  }
  if (!first) return (c) => document(c, program, tree)
  if (first.n === 'const') return emitBase(path, env)
  const keys = rest.map((key) => emitTerm(key, env))
  return (c, f) => {
    let place: Place | undefined = tree
    for (const key of keys) {
      const at = key(c, f)
      if (at === undefined || place === undefined) return undefined
      place = member(c, program, place, at)
    }
    return place === undefined ? undefined : document(c, program, place)
  }
}

/** Code for a base document: found once, now, unless a `with` changes the data. */
function emitBase(path: readonly Node[], env: Env): Eval {
  const { program } = env
  const count = path.findIndex((key) => key.n !== 'const')
  const constant = path.slice(0, count < 0 ? path.length : count)
  const keys = constant.map((key) => (key.n === 'const' ? key.value : null))
  const data = program.data
  let known: Value | undefined = data
  for (const key of keys) known = known === undefined ? undefined : baseMember(known, key)
  const start = (c: Context) => (c.data === data ? known : baseAt(c, keys))
  return emitLookups(start, path.slice(constant.length), env)
}
