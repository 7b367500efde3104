import type { Eval, Step } from '../eval/context.js'
import { templateText } from '../eval/template.js'
import { isArray, isObject, isSet, objectGet, RegoSet, sortedKeys, type Value } from '../value.js'
import { emitIndexed, indexedEach } from './data-index.js'
import { enumerate } from './emit-enumerate.js'
import { emitTerm } from './emit-term.js'
import { emitUnify } from './emit-unify.js'
import { emitWith } from './emit-with.js'
import type { Env } from './env.js'
import type { CallNode, Local, Node, Statement } from './ir.js'
import { children, withChildren } from './walk.js'

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
  const succeed = () => () => true
  const next = then(env)
  const [only] = statement.body
  if (statement.inside || !only) return negate(emitBody(statement.body, env, succeed), next)
  const before: Operand[] = []
  const inner = withoutOperands(only, env, before)
  const bound = env.binding(...before.map(({ local }) => local))
  const negated = negate(emitBody([inner], bound, succeed), next)
  return before.reduceRight<Step>((after, { local, value }) => {
    const { slot } = local
    return (c, f) => {
      const found = value(c, f)
      if (found === undefined) return false
      f[slot] = found
      return after(c, f)
    }
  }, negated)
}

interface Operand {
  readonly local: Local
  readonly value: Eval
}

/**
 * OPA evaluates references among the operands of a negated statement before the negation, so that one that is undefined makes the
 * statement fail. Only the sides of an equality, and a reference that stands alone, are inside.
 */
function withoutOperands(statement: Statement, env: Env, before: Operand[]): Statement {
  const outside = (node: Node): Node => {
    switch (node.n) {
      case 'ref': {
        const local = env.fresh(node.at)
        before.push({ local, value: emitTerm(node, env) })
        return { n: 'local', local, at: node.at }
      }
      case 'array':
      case 'set':
      case 'object':
        return withChildren(node, children(node).map(outside))
      default:
        return node
    }
  }
  const inside = (node: Node): Node => {
    if (node.n !== 'ref') return outside(node)
    return { ...node, path: node.path.map(outside) }
  }
  if (statement.s === 'unify') return { ...statement, left: inside(statement.left), right: inside(statement.right) }
  if (statement.s !== 'term') return statement
  const { node } = statement
  if (node.n !== 'call') return { ...statement, node: inside(node) }
  return { ...statement, node: { ...node, args: node.args.map(node.name === 'equal' ? inside : outside) } }
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
