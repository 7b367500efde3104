import { RegoError } from '../errors.js'
import type { Context, Eval, Frame, Step } from '../eval/context.js'
import { templateText } from '../eval/template.js'
import { equal, RegoObject, RegoSet, type Value } from '../value.js'
import { emitBody } from './emit-body.js'
import { emitCall } from './emit-call.js'
import { enumerate } from './emit-enumerate.js'
import { emitRef } from './emit-ref.js'
import { emitWith } from './emit-with.js'
import type { Env } from './env.js'
import type { ComprehensionNode, Node } from './ir.js'

/** Code for a term whose variables are all bound. */
export function emitTerm(node: Node, env: Env): Eval {
  switch (node.n) {
    case 'const': {
      const { value } = node
      return () => value
    }
    case 'local': {
      const { slot } = node.local
      return (_, f) => f[slot] as Value | undefined
    }
    case 'ref':
      return emitRef(node, env)
    case 'call':
      return emitCall(node, env)
    case 'array':
      return emitArray(node.items.map((item) => emitTerm(item, env)))
    case 'set':
      return emitSet(node.items.map((item) => emitTerm(item, env)))
    case 'object':
      return emitObject(node.entries.map(([key, value]) => [emitTerm(key, env), emitTerm(value, env)] as const))
    case 'comprehension':
      return emitComprehension(node, env)
    case 'template':
      return emitTemplate(node, env)
  }
}

function emitArray(items: readonly Eval[]): Eval {
  return (c, f) => {
    const array: Value[] = []
    for (const item of items) {
      const value = item(c, f)
      if (value === undefined) return undefined
      array.push(value)
    }
    return array
  }
}

function emitSet(items: readonly Eval[]): Eval {
  return (c, f) => {
    const set = new RegoSet()
    for (const item of items) {
      const value = item(c, f)
      if (value === undefined) return undefined
      set.add(value)
    }
    return set
  }
}

function emitObject(entries: readonly (readonly [Eval, Eval])[]): Eval {
  return (c, f) => {
    const object = new RegoObject()
    for (const [k, v] of entries) {
      const key = k(c, f)
      if (key === undefined) return undefined
      const value = v(c, f)
      if (value === undefined) return undefined
      object.set(key, value)
    }
    return object
  }
}

function emitComprehension(node: ComprehensionNode, env: Env): Eval {
  const { slot } = env.fresh(node.at)
  const body = emitBody(node.body, env, (inner) => emitCollect(node, inner, slot))
  if (node.kind === 'array') {
    return (c, f) => {
      const array: Value[] = []
      f[slot] = array
      body(c, f)
      return array
    }
  }
  const make = node.kind === 'set' ? () => new RegoSet() : () => new RegoObject()
  return (c, f) => {
    const collection = make()
    f[slot] = collection
    body(c, f)
    return collection
  }
}

/** The last step of a comprehension's body: puts one more element into the collection in a slot. */
function emitCollect(node: ComprehensionNode, env: Env, slot: number): Step {
  const value = node.value
  return emitBound([...(node.key ? [node.key] : []), value], env, (evals) => {
    const [first, second] = evals as [Eval, Eval?]
    if (node.kind === 'array') {
      return (c, f) => {
        const element = first(c, f)
        if (element !== undefined) (f[slot] as Value[]).push(element)
        return false
      }
    }
    if (node.kind === 'set' || !second) {
      return (c, f) => {
        const element = first(c, f)
        if (element !== undefined) (f[slot] as RegoSet).add(element)
        return false
      }
    }
    return (c, f) => {
      const key = first(c, f)
      if (key === undefined) return false
      const element = second(c, f)
      if (element === undefined) return false
      const object = f[slot] as RegoObject
      const before = object.get(key)
      if (before === undefined) object.set(key, element)
      else if (!equal(before, element)) {
        throw RegoError.at('eval_conflict_error', 'object keys must be unique', node.at)
      }
      return false
    }
  })
}

/** Code for terms that may still enumerate: `[x | x := xs[_]]`, `{xs[_]}` in a rule's head. */
export function emitBound(nodes: readonly Node[], env: Env, then: (evals: readonly Eval[], env: Env) => Step): Step {
  return enumerate(nodes, env, (bound, inner) => {
    return then(
      bound.map((node) => emitTerm(node, inner)),
      inner,
    )
  })
}

function emitTemplate(node: Extract<Node, { n: 'template' }>, env: Env): Eval {
  const parts = node.parts.map((part) => {
    if (typeof part === 'string') return part
    const collected = env.fresh(node.at)
    const inner = emitBound([part.node], env, ([value]) => (c, f) => {
      const found = value?.(c, f)
      if (found !== undefined) (f[collected.slot] as RegoSet).add(found)
      return false
    })
    const step = part.with.length > 0 ? emitWith(part.with, env, () => inner, node.at) : inner
    return { slot: collected.slot, step }
  })
  return (c: Context, f: Frame) => {
    let text = ''
    for (const part of parts) {
      if (typeof part === 'string') {
        text += part
        continue
      }
      const found = new RegoSet()
      f[part.slot] = found
      part.step(c, f)
      text += templateText(found, node.at)
    }
    return text
  }
}
