/** Code for single rules. Each runs in a frame of its own, whose slot 0 holds what the rule is making. */
import { type Location, RegoError } from '../errors.js'
import type { Context, Frame, Step } from '../eval/context.js'
import { equal, type RegoSet, type Value } from '../value.js'
import { emitBody } from './emit-body.js'
import { emitBound } from './emit-term.js'
import { emitUnify } from './emit-unify.js'
import type { Env } from './env.js'
import type { Clause, Local, Node, RuleNode } from './ir.js'
import type { PartialObject } from './partial-object.js'
import type { Program } from './program.js'
import { isBound } from './walk.js'

export type RunRule = (c: Context) => Value | undefined
export type RunFunction = (c: Context, args: readonly Value[]) => Value | undefined
export type RunPartial<Into> = (c: Context, into: Into) => void
/** As `RunPartial`, for one key alone. */
export type RunMember<Into> = (c: Context, into: Into, key: Value) => void

const MULTIPLE = 'complete rules must not produce multiple outputs'
const MULTIPLE_FUNCTION = 'functions must not produce multiple outputs for same inputs'

/** A rule that has one value. */
export function emitComplete(rule: RuleNode, program: Program): RunRule {
  const clauses = rule.clauses.map((clause) => emitClause(rule, clause, program.env(rule), MULTIPLE))
  const [only] = clauses
  const slots = rule.slots()
  if (clauses.length === 1 && only) {
    return (c) => {
      const f: Frame = new Array(slots)
      only(c, f)
      return f[0] as Value | undefined
    }
  }
  return (c) => firstOf(clauses, c, new Array(slots))
}

/** The value of the first clause that has one: a rule and its `else` branches. */
function firstOf(clauses: readonly Step[], c: Context, f: Frame): Value | undefined {
  for (const clause of clauses) {
    clause(c, f)
    if (f[0] !== undefined) return f[0] as Value
  }
  return undefined
}

function emitClause(rule: RuleNode, clause: Clause, env: Env, conflict: string): Step {
  return emitBody(clause.body, env, (inner) =>
    emitBound([clause.value], inner, ([value]) => {
      const traced = env.program.tracing
      const id = rule.id
      if (!value) return () => false
      if (clause.value.n === 'const' && !traced) {
        const constant = clause.value.value
        return (_, f) => {
          f[0] = constant
          return true
        }
      }
      return (c, f) => {
        const found = value(c, f)
        if (found === undefined) return false
        c.run.tracer?.fired(id, found)
        const before = f[0] as Value | undefined
        if (before === undefined) f[0] = found
        else if (before !== found && !equal(before, found)) throw RegoError.at('eval_conflict_error', conflict, rule.at)
        return false
      }
    }),
  )
}

export function emitFunction(rule: RuleNode, program: Program): RunFunction {
  const parameters = rule.args ?? []
  const env = program.env(rule)
  const args = parameters.map((parameter) =>
    parameter.n === 'local' && !isRepeated(parameter.local, parameters) ? parameter.local : env.fresh(parameter.at),
  )
  const pairs = parameters.flatMap((parameter, at): (readonly [Node, Node])[] => {
    const local = args[at] as Local
    if (parameter.n === 'local' && parameter.local === local) return []
    return [[parameter, { n: 'local', local, at: parameter.at }]]
  })
  const bound = env.binding(...args)
  const clauses = rule.clauses.map((clause) =>
    emitUnify(pairs, bound, (inner) => emitClause(rule, clause, inner, MULTIPLE_FUNCTION)),
  )
  const slots = rule.slots()
  const [only] = clauses
  const places = args.map(({ slot }) => slot)
  return (c, values) => {
    const f: Frame = new Array(slots)
    for (let at = 0; at < places.length; at++) f[places[at] as number] = values[at]
    if (clauses.length > 1 || !only) return firstOf(clauses, c, f)
    only(c, f)
    return f[0] as Value | undefined
  }
}

function isRepeated(local: Local, parameters: readonly Node[]): boolean {
  return parameters.filter((other) => other.n === 'local' && other.local === local).length > 1
}

/** A rule that adds elements to a set. */
export function emitSetRule(rule: RuleNode, program: Program): RunPartial<RegoSet> {
  const env = program.env(rule)
  const key = rule.key as Node
  const [clause] = rule.clauses
  const body = emitBody(clause.body, env, (inner) =>
    emitBound([key], inner, ([value]) => (c, f) => {
      const element = value?.(c, f)
      if (element === undefined) return false
      c.run.tracer?.fired(rule.id, element)
      ;(f[0] as RegoSet).add(element)
      return false
    }),
  )
  const slots = rule.slots()
  return (c, into) => {
    const f: Frame = new Array(slots)
    f[0] = into
    body(c, f)
  }
}

/** Whether a rule adds one certain element to its set. */
export function emitSetMember(rule: RuleNode, program: Program): RunMember<RegoSet> {
  const [clause] = rule.clauses
  return emitForKey(rule, rule.key as Node, program, clause, (env, checked) => {
    return emitBound([rule.key as Node], env, ([value]) => (c, f) => {
      const element = value?.(c, f)
      if (element === undefined || (!checked && !equal(element, f[1] as Value))) return false
      ;(f[0] as RegoSet).add(element)
      return true
    })
  })
}

/** A rule that adds entries to an object, at any depth. */
export function emitObjectRule(rule: RuleNode, path: readonly Node[], program: Program): RunPartial<PartialObject> {
  const [clause] = rule.clauses
  const body = emitBody(clause.body, program.env(rule), (env) => emitInsert(rule, path, env))
  const slots = rule.slots()
  return (c, into) => {
    const f: Frame = new Array(slots)
    f[0] = into as unknown as Value
    body(c, f)
  }
}

/** The entries that a rule adds below one certain key. */
export function emitObjectMember(rule: RuleNode, path: readonly Node[], program: Program): RunMember<PartialObject> {
  const [clause] = rule.clauses
  const [first] = path as [Node]
  return emitForKey(rule, first, program, clause, (env, checked) => {
    const insert = emitInsert(rule, path, env)
    if (checked) return insert
    return emitBound([first], env, ([value]) => (c, f) => {
      const key = value?.(c, f)
      return key !== undefined && equal(key, f[1] as Value) && insert(c, f)
    })
  })
}

function emitInsert(rule: RuleNode, path: readonly Node[], env: Env): Step {
  const [clause] = rule.clauses
  const leaf = rule.key ?? clause.value
  return emitBound([...path, leaf], env, (evals) => (c, f) => {
    const values: Value[] = []
    for (const one of evals) {
      const value = one(c, f)
      if (value === undefined) return false
      values.push(value)
    }
    const value = values.pop() as Value
    c.run.tracer?.fired(rule.id, value)
    const into = f[0] as unknown as PartialObject
    const fits = rule.key ? into.add(values, value) : into.set(values, value)
    if (!fits) throw RegoError.at('eval_conflict_error', 'object keys must be unique', rule.at)
    return false
  })
}

/**
 * A rule's body with its key known beforehand. Variables that the key's pattern binds are bound first, so that the body looks
 * up instead of enumerating; a key that is computed is compared in the end.
 */
function emitForKey<Into>(
  rule: RuleNode,
  key: Node,
  program: Program,
  clause: Clause,
  last: (env: Env, checked: boolean) => Step,
): RunMember<Into> {
  const env = program.env(rule)
  const at: Location = key.at
  const wanted = program.wantedKey(at)
  const start = env.binding(wanted)
  const pattern = isPattern(key)
  const body = pattern
    ? emitUnify([[key, { n: 'local', local: wanted, at }]], start, (inner) =>
        emitBody(program.ordered(rule, clause, inner.bound), inner, (found) => last(found, true)),
      )
    : emitBody(clause.body, start, (inner) => last(inner, isBound(key, start.bound)))
  const slots = rule.slots()
  return (c, into, value) => {
    const f: Frame = new Array(slots)
    f[0] = into as Value
    f[1] = value
    body(c, f)
  }
}

function isPattern(node: Node): boolean {
  if (node.n === 'local' || node.n === 'const') return true
  if (node.n === 'array') return node.items.every(isPattern)
  return node.n === 'object' && node.entries.every(([key, value]) => key.n === 'const' && isPattern(value))
}
