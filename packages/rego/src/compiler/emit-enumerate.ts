/** Code that tries every key of a collection: references with unbound variables, and `walk`. */
import type { Context, Eval, Step } from '../eval/context.js'
import { document, member, type Place, packageKeys } from '../eval/place.js'
import { walkPairs } from '../evaluator-builtins.js'
import { isArray, isObject, isSet, objectGet, RegoObject, sortedKeys, type Value } from '../value.js'
import { emitLookups, emitRef, staticTree } from './emit-ref.js'
import { emitTerm } from './emit-term.js'
import { emitUnify } from './emit-unify.js'
import type { Env } from './env.js'
import type { CallNode, Local, Node, RefNode } from './ir.js'
import { RuleTree } from './rule-tree.js'
import { bindsInPath, children, isBound, withChildren } from './walk.js'

/**
 * Emits what has to be enumerated in some terms, and then `then` with the same terms, in which variables of the compiler's
 * own stand for what was enumerated.
 */
export function enumerate(nodes: readonly Node[], env: Env, then: (nodes: readonly Node[], env: Env) => Step): Step {
  const found = nodes.map((node) => nextToEnumerate(node, env)).find(Boolean)
  if (!found) return then(nodes, env)
  const local = env.fresh(found.at)
  const stand: Node = { n: 'local', local, at: found.at }
  const replaced = nodes.map((node) => replace(node, found, stand))
  const go = (inner: Env) => enumerate(replaced, inner, then)
  return found.n === 'ref' ? emitEachMatch(found, local, env, go) : emitWalk(found, local, env, go)
}

/** The first reference, innermost first, that binds variables and whose other parts are bound. */
function nextToEnumerate(node: Node, env: Env): RefNode | CallNode | undefined {
  for (const child of children(node)) {
    const found = nextToEnumerate(child, env)
    if (found) return found
  }
  if (node.n === 'call')
    return node.name === 'walk' && node.args.length === 1 && node.args.every((arg) => isBound(arg, env.bound))
      ? node
      : undefined
  if (node.n !== 'ref' || !bindsInPath(node, env.bound)) return undefined
  if (typeof node.base !== 'string' && !isBound(node.base, env.bound)) return undefined
  return node.path.every((part) => patternReady(part, env)) ? node : undefined
}

/** Whether a key is a pattern whose calls, references and object keys are bound. */
function patternReady(node: Node, env: Env): boolean {
  if (node.n === 'local') return true
  if (node.n === 'array') return node.items.every((item) => patternReady(item, env))
  if (node.n === 'object')
    return node.entries.every(([key, value]) => isBound(key, env.bound) && patternReady(value, env))
  return isBound(node, env.bound)
}

function replace(node: Node, found: Node, stand: Node): Node {
  if (node === found) return stand
  const parts = children(node)
  if (parts.length === 0) return node
  const replaced = parts.map((part) => replace(part, found, stand))
  return replaced.every((part, at) => part === parts[at]) ? node : withChildren(node, replaced)
}

/** All ways to fill a reference's variables; its value goes into `result`. */
function emitEachMatch(node: RefNode, result: Local, env: Env, then: (env: Env) => Step): Step {
  const { path, base } = node
  const free = path.findIndex((part) => !isBound(part, env.bound))
  if (base === 'data') {
    const { tree, depth } = staticTree(path, env)
    if (tree.rules.length === 0 && path.slice(depth, free).every((key) => key.n !== 'const') && depth <= free) {
      return emitPlaces(tree, path.slice(depth), result, env, then)
    }
  }
  const start =
    free > 0 || base === 'input' || base === 'data'
      ? emitRef({ ...node, path: path.slice(0, free) }, env)
      : emitTerm(base, env)
  return emitEach(start, path.slice(free), result, env, then)
}

/** `path` begins with a key that binds variables; `start` is the collection. */
function emitEach(start: Eval, path: readonly Node[], result: Local, env: Env, then: (env: Env) => Step): Step {
  const [key, ...rest] = path as [Node, ...Node[]]
  const free = rest.findIndex((part) => !isBound(part, boundBy(key, env).bound))
  const plain = key.n === 'local' && !env.bound.has(key.local)
  const keyLocal = plain ? key.local : env.fresh(key.at)
  const element = rest.length === 0 ? result : env.fresh(key.at)
  const inner = env.binding(keyLocal, element)
  const step = (matched: Env): Step => {
    const value: Eval = (_, f) => f[element.slot] as Value | undefined
    if (rest.length === 0) return then(matched)
    if (free >= 0)
      return emitEach(emitLookups(value, rest.slice(0, free), matched), rest.slice(free), result, matched, then)
    return store(emitLookups(value, rest, matched), result, then(matched.binding(result)))
  }
  const next = plain ? step(inner) : emitUnify([[key, { n: 'local', local: keyLocal, at: key.at }]], inner, step)
  return each(start, keyLocal.slot, element.slot, next)
}

function boundBy(key: Node, env: Env): Env {
  const locals: Local[] = []
  const visit = (node: Node): void => {
    if (node.n === 'local') locals.push(node.local)
    for (const child of children(node)) visit(child)
  }
  visit(key)
  return env.binding(...locals)
}

function store(value: Eval, local: Local, next: Step): Step {
  const { slot } = local
  return (c, f) => {
    const found = value(c, f)
    if (found === undefined) return false
    f[slot] = found
    return next(c, f)
  }
}

/** Every key and element of a collection, in Rego's order. */
export function each(start: Eval, keySlot: number, valueSlot: number, next: Step): Step {
  return (c, f) => {
    const collection = start(c, f)
    if (typeof collection !== 'object' || collection === null) return false
    const { run } = c
    if (isArray(collection)) {
      for (let at = 0; at < collection.length; at++) {
        if (--run.fuel < 0) run.exhausted()
        f[keySlot] = at
        f[valueSlot] = collection[at]
        if (next(c, f)) return true
      }
      return false
    }
    if (isSet(collection)) {
      for (const element of collection.sorted()) {
        if (--run.fuel < 0) run.exhausted()
        f[keySlot] = element
        f[valueSlot] = element
        if (next(c, f)) return true
      }
      return false
    }
    if (!isObject(collection)) return false
    for (const key of sortedKeys(collection)) {
      if (--run.fuel < 0) run.exhausted()
      f[keySlot] = key
      f[valueSlot] = collection instanceof RegoObject ? collection.get(key) : objectGet(collection, key)
      if (next(c, f)) return true
    }
    return false
  }
}

/** Keys below a package, whose members are rules and base documents together. */
function emitPlaces(tree: RuleTree, path: readonly Node[], result: Local, env: Env, then: (env: Env) => Step): Step {
  const { program } = env
  const from = (
    place: (c: Context, f: Parameters<Step>[1]) => Place | undefined,
    keys: readonly Node[],
    inner: Env,
  ): Step => {
    const [key, ...rest] = keys
    if (!key) {
      const next = then(inner.binding(result))
      return (c, f) => {
        const found = place(c, f)
        const value = found === undefined ? undefined : document(c, program, found)
        if (value === undefined) return false
        f[result.slot] = value
        return next(c, f)
      }
    }
    if (isBound(key, inner.bound)) {
      const index = emitTerm(key, inner)
      return from(
        (c, f) => {
          const at = index(c, f)
          const found = at === undefined ? undefined : place(c, f)
          return found === undefined || at === undefined ? undefined : member(c, program, found, at)
        },
        rest,
        inner,
      )
    }
    const plain = key.n === 'local'
    const keyLocal = plain ? key.local : inner.fresh(key.at)
    const spot = inner.fresh(key.at)
    const deeper = (matched: Env) => from((_, f) => f[spot.slot] as unknown as Place, rest, matched)
    const bound = inner.binding(keyLocal)
    const next = plain ? deeper(bound) : emitUnify([[key, { n: 'local', local: keyLocal, at: key.at }]], bound, deeper)
    const values = each((_, f) => f[spot.slot] as Value, keyLocal.slot, spot.slot, next)
    return (c, f) => {
      const found = place(c, f)
      if (found === undefined) return false
      if (!(found instanceof RuleTree) || c.isReplaced(found.path)) {
        f[spot.slot] = found instanceof RuleTree ? document(c, program, found) : found
        return values(c, f)
      }
      for (const name of packageKeys(c, found)) {
        c.run.charge(1)
        const below = member(c, program, found, name)
        if (below === undefined) continue
        f[keyLocal.slot] = name
        f[spot.slot] = below as unknown as Value
        if (next(c, f)) return true
      }
      return false
    }
  }
  return from(() => tree, path, env)
}

/** `walk(x)`: each path and value in a document. */
function emitWalk(node: CallNode, result: Local, env: Env, then: (env: Env) => Step): Step {
  const [argument] = node.args
  if (!argument) return () => false
  const start = emitTerm(argument, env)
  const next = then(env.binding(result))
  return (c, f) => {
    const document = start(c, f)
    if (document === undefined) return false
    const mock = c.mocks?.get('walk')
    if (mock) {
      const value = mock(c, [document])
      if (value === undefined) return false
      f[result.slot] = value
      return next(c, f)
    }
    for (const [path, value] of walkPairs(document)) {
      c.run.charge(1)
      f[result.slot] = [path, value]
      if (next(c, f)) return true
    }
    return false
  }
}
