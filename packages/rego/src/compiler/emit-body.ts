import type { Eval, Step } from '../eval/context.js'
import { templateText } from '../eval/template.js'
import { isArray, isObject, isSet, objectGet, RegoSet, sortedKeys, type Value } from '../value.js'
import { emitIndexed, indexedEach } from './data-index.js'
import { enumerate } from './emit-enumerate.js'
import { emitTerm } from './emit-term.js'
import { emitUnify } from './emit-unify.js'
import { emitWith } from './emit-with.js'
import type { Env } from './env.js'
import type { CallNode, Node, Statement } from './ir.js'

/** Code for statements in order, and what `last` makes of each way in which they all hold. */
export function emitBody(body: readonly Statement[], env: Env, last: (env: Env) => Step): Step {
  const [first, ...rest] = body
  if (!first) return last(env)
  const then = (inner: Env): Step => emitBody(rest, inner, last)
  const each = env.program.tracing ? undefined : indexedEach(first, rest, env)
  if (!each) return emitStatement(first, env, then)
  // The rest is emitted once for both ways of enumerating: both bind the same variables.
  const after = env.binding(each.key, each.element)
  const next = then(after)
  return emitIndexed(
    each,
    env,
    next,
    emitStatement(first, env, () => next),
  )
}

function emitStatement(statement: Statement, env: Env, then: (env: Env) => Step): Step {
  const { tracing } = env.program
  const next = tracing ? (inner: Env) => emitHeld(statement, inner, then(inner)) : then
  const step = emitChanged(statement, env, next)
  if (!tracing) return step
  const { at } = statement
  const { rule } = env
  return (c, f) => {
    c.run.tracer?.reached(rule, at)
    return step(c, f)
  }
}

function emitHeld({ at }: Statement, { rule }: Env, next: Step): Step {
  return (c, f) => {
    c.run.tracer?.held(rule, at)
    return next(c, f)
  }
}

function emitChanged(statement: Statement, env: Env, then: (env: Env) => Step): Step {
  if (statement.with.length === 0) return emitPlain(statement, env, then)
  return emitWith(
    statement.with,
    env,
    (leave) => emitPlain(statement, env, (inner) => leave(then(inner))),
    statement.at,
  )
}

function emitPlain(statement: Statement, env: Env, then: (env: Env) => Step): Step {
  switch (statement.s) {
    case 'unify':
      return enumerate([statement.left, statement.right], env, ([left, right], inner) => {
        return left && right ? emitUnify([[left, right]], inner, then) : () => false
      })
    case 'every':
      return enumerate([statement.domain], env, ([domain], inner) =>
        emitEvery(statement, domain ?? statement.domain, inner, then),
      )
    case 'not':
      return emitNot(statement, env, then)
    case 'term':
      return emitExpression(statement.node, env, then)
  }
}

/** An expression holds when it has a value that is not false. A call may have its result as a last operand. */
function emitExpression(node: Node, env: Env, then: (env: Env) => Step): Step {
  if (node.n === 'call') {
    if (node.name === 'print' || node.name === 'internal.print') return emitPrint(node, env, then(env))
    const arity = env.program.arity(node)
    const output = arity !== undefined && node.args.length === arity + 1 ? node.args[arity] : undefined
    if (output) {
      const call: CallNode = { ...node, args: node.args.slice(0, -1) }
      return enumerate([call, output], env, ([result, pattern], inner) => {
        return result && pattern ? emitUnify([[pattern, result]], inner, then) : () => false
      })
    }
  }
  return enumerate([node], env, ([term], inner) => {
    return term ? holds(emitTerm(term, inner), then(inner)) : () => false
  })
}

function holds(value: Eval, next: Step): Step {
  return (c, f) => {
    const found = value(c, f)
    return found !== undefined && found !== false && next(c, f)
  }
}

function emitNot(statement: Extract<Statement, { s: 'not' }>, env: Env, then: (env: Env) => Step): Step {
  const succeed: Step = () => true
  const next = then(env)
  if (statement.inside)
    return negate(
      emitBody(statement.body, env, () => succeed),
      next,
    )
  // Operands of a call are evaluated before the negation: where one is undefined, so is the statement.
  const [inner] = statement.body
  if (inner?.s !== 'term' || inner.node.n !== 'call') {
    return negate(
      emitBody(statement.body, env, () => succeed),
      next,
    )
  }
  const operands = inner.node.args.map((arg) => env.fresh(arg.at))
  const values = inner.node.args.map((arg) => emitTerm(arg, env))
  const slots = operands.map((operand) => operand.slot)
  const args = inner.node.args.map(
    (arg, at): Node => (arg.n === 'const' ? arg : { n: 'local', local: operands[at] ?? env.fresh(arg.at), at: arg.at }),
  )
  const bound = env.binding(...operands)
  const body = emitBody([{ ...inner, node: { ...inner.node, args } }], bound, () => succeed)
  return (c, f) => {
    for (let at = 0; at < values.length; at++) {
      const value = values[at]?.(c, f)
      if (value === undefined) return false
      f[slots[at] as number] = value
    }
    return !body(c, f) && next(c, f)
  }
}

function negate(body: Step, next: Step): Step {
  return (c, f) => !body(c, f) && next(c, f)
}

function emitEvery(
  statement: Extract<Statement, { s: 'every' }>,
  domain: Node,
  env: Env,
  then: (env: Env) => Step,
): Step {
  const start = emitTerm(domain, env)
  const key = statement.key?.slot ?? env.fresh(statement.at).slot
  const value = statement.value.slot
  const locals = statement.key ? [statement.key, statement.value] : [statement.value]
  const body = emitBody(statement.body, env.binding(...locals), () => () => true)
  const next = then(env)
  return (c, f) => {
    const collection = start(c, f)
    if (collection === undefined) return false
    const { run } = c
    for (const [name, element] of members(collection) ?? []) {
      if (--run.fuel < 0) run.exhausted()
      f[key] = name
      f[value] = element
      if (!body(c, f)) return false
    }
    return (isArray(collection) || isSet(collection) || isObject(collection)) && next(c, f)
  }
}

function* members(collection: Value): Iterable<readonly [Value, Value]> {
  if (isArray(collection)) yield* collection.entries()
  else if (isSet(collection)) for (const element of collection) yield [element, element]
  else if (isObject(collection)) {
    for (const key of sortedKeys(collection)) yield [key, objectGet(collection, key) as Value]
  }
}

/** `print` never fails and never changes what a policy decides; operands that are undefined print as such. */
function emitPrint(node: CallNode, env: Env, next: Step): Step {
  const parts = node.args.map((arg) => {
    const { slot } = env.fresh(arg.at)
    const step = enumerate([arg], env, ([term], inner) => {
      const value = emitTerm(term ?? arg, inner)
      return (c, f) => {
        const found = value(c, f)
        if (found !== undefined) (f[slot] as RegoSet).add(found)
        return true
      }
    })
    return { slot, step }
  })
  return (c, f) => {
    if (c.run.print) {
      const texts = parts.map(({ slot, step }) => {
        const found = new RegoSet()
        f[slot] = found
        step(c, f)
        return templateText(found, node.at)
      })
      c.run.print(texts.join(' '), node.at)
    }
    return next(c, f)
  }
}
