import { type Diagnostic, NOWHERE, RegoError } from '../errors.js'
import type { Context, Frame, Step } from '../eval/context.js'
import { parseQuery } from '../syntax/parse.js'
import type { Value } from '../value.js'
import { checkCall } from './check-program.js'
import { type Compiled, throwAny } from './compile.js'
import { callsIn } from './dependencies.js'
import { emitBody } from './emit-body.js'
import { Env } from './env.js'
import type { Statement } from './ir.js'
import type { Program } from './program.js'
import { type QueryNode, resolveQuery } from './resolve.js'
import { orderBody, unsafeErrors } from './safety.js'

/** One solution of a query: its variables by name. */
export type Solution = ReadonlyMap<string, Value>

/** Calls `found` for each solution until it answers true. */
export type RunQuery = (c: Context, found: (solution: Solution) => boolean) => void

/** A term's value, as it is. */
export type RunTerm = (c: Context) => Value | undefined

/** @throws RegoError when the query does not parse or is not safe */
export function compileQuery(text: string, compiled: Compiled, program: Program): RunQuery {
  const query = resolved(text, program)
  const variables = query.vars
  const emitted = emit(query, query.body, compiled, program)
  return (c, found) => {
    emitted(c, (f) => {
      const solution = new Map<string, Value>()
      for (const { name, slot } of variables) {
        const value = f[slot] as Value | undefined
        if (value !== undefined) solution.set(name, value)
      }
      return found(solution)
    })
  }
}

/** Code for the value of one term, such as `data.app.allow`. */
export function compileTerm(text: string, compiled: Compiled, program: Program): RunTerm {
  const query = resolved(text, program)
  const [only, ...more] = query.body
  if (only?.s !== 'term' || more.length > 0) {
    throw RegoError.at('eval_input_error', 'expected one reference such as data.app.allow', NOWHERE)
  }
  const { at } = only
  const local = query.fresh(at)
  const body: Statement[] = [{ s: 'unify', left: { n: 'local', local, at }, right: only.node, with: only.with, at }]
  const run = emit(query, body, compiled, program)
  return (c) => {
    let value: Value | undefined
    run(c, (f) => {
      value = f[local.slot] as Value
      return true
    })
    return value
  }
}

function resolved(text: string, program: Program): QueryNode {
  const errors: Diagnostic[] = []
  const query = resolveQuery(
    parseQuery(text),
    (name) => program.builtins.has(name),
    (error) => errors.push(error),
  )
  throwAny(errors)
  return query
}

function emit(
  query: QueryNode,
  body: readonly Statement[],
  compiled: Compiled,
  program: Program,
): (c: Context, found: (f: Frame) => boolean) => void {
  const errors: Diagnostic[] = []
  const report = (error: Diagnostic) => errors.push(error)
  callsIn(body, (call, isStatement) => checkCall(call, isStatement, { ...compiled, report }))
  throwAny(errors)
  const ordered = orderBody(body, new Set(), compiled.arity)
  throwAny(unsafeErrors(ordered.unsafe))
  // Who asked is in the frame, so that a `print` hook may evaluate the same query again.
  const last: Step = (_, f) => (f[0] as unknown as (f: Frame) => boolean)(f)
  const step = emitBody(ordered.body, new Env(program, query.fresh, new Set(), -1), () => last)
  return (c, found) => {
    const frame: Frame = new Array(query.rule.slots)
    frame[0] = found as unknown as Value
    step(c, frame)
  }
}
