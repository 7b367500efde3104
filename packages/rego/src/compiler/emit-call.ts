import type { Builtin } from '../builtins-api.js'
import type { Location } from '../errors.js'
import type { Context, Eval } from '../eval/context.js'
import { operators } from '../eval/operators.js'
import type { Value } from '../value.js'
import { emitTerm } from './emit-term.js'
import type { Env } from './env.js'
import type { Group } from './group.js'
import type { CallNode } from './ir.js'

/** Code for a call as a term: the function's value, or undefined. */
export function emitCall(node: CallNode, env: Env): Eval {
  const args = node.args.map((arg) => emitTerm(arg, env))
  if (node.path) {
    const group = env.program.groupAt(node.path)
    return group ? emitFunctionCall(group, args, node.name) : () => undefined
  }
  const operator = operators.get(node.name)
  const builtin = env.program.builtins.get(node.name)
  if (!builtin) return () => undefined
  return operator ? emitOperator(operator, builtin, args, env, node.at) : emitBuiltin(builtin, args, env, node.at)
}

function emitFunctionCall(group: Group, args: readonly Eval[], name: string): Eval {
  const [first] = args
  if (args.length === 1 && first) {
    return (c, f) => {
      const value = first(c, f)
      if (value === undefined) return undefined
      return c.mocks === undefined ? group.call(c, [value]) : mocked(c, group, name, [value])
    }
  }
  return (c, f) => {
    const values = all(args, c, f)
    if (values === undefined) return undefined
    return c.mocks === undefined ? group.call(c, values) : mocked(c, group, name, values)
  }
}

function mocked(c: Context, group: Group, name: string, values: readonly Value[]): Value | undefined {
  const mock = c.mocks?.get(name)
  return mock ? mock(c, values) : group.call(c, values)
}

/** Operators on two values that need no more than these; a result of `null` means: let the built-in decide. */
function emitOperator(
  operator: (a: Value, b: Value) => Value | null,
  builtin: Builtin,
  args: readonly Eval[],
  env: Env,
  at: Location,
): Eval {
  const [left, right] = args as [Eval, Eval]
  const { program } = env
  return (c, f) => {
    const a = left(c, f)
    if (a === undefined) return undefined
    const b = right(c, f)
    if (b === undefined) return undefined
    if (c.mocks === undefined) {
      const result = operator(a, b)
      if (result !== null) return result
    }
    return program.callBuiltin(c, builtin, [a, b], at)
  }
}

function emitBuiltin(builtin: Builtin, args: readonly Eval[], env: Env, at: Location): Eval {
  const { program } = env
  return (c, f) => {
    const values = all(args, c, f)
    return values === undefined ? undefined : program.callBuiltin(c, builtin, values, at)
  }
}

function all(args: readonly Eval[], c: Context, f: Parameters<Eval>[1]): Value[] | undefined {
  const values: Value[] = []
  for (const arg of args) {
    const value = arg(c, f)
    if (value === undefined) return undefined
    values.push(value)
  }
  return values
}
