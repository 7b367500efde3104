/**
 * How a built-in function is declared. Each family is a file in `builtins/` that exports a `readonly Builtin[]`;
 * `builtins/index.ts` exports `builtins: ReadonlyMap<string, Builtin>`, all of them by name:
 *
 *     // builtins/strings.ts
 *     export const strings: readonly Builtin[] = [
 *       builtin('startswith', [T.string, T.string], T.boolean, (_, text, prefix) =>
 *         stringOperand(text, 1).startsWith(stringOperand(prefix, 2))),
 *     ]
 *     // builtins/index.ts
 *     export const builtins = registry(strings, arrays, …)
 *
 * The evaluator itself provides, in `evaluator-builtins.ts`, what needs it or is an operator:
 * `eq`, `assign`, `equal`, `neq`, `lt`, `lte`, `gt`, `gte`; `plus`, `minus` (numbers and sets), `mul`, `div`, `rem`; `and` and `or`
 * (`&` and `|` on sets); `internal.member_2`, `internal.member_3` (`in`), `print`, `trace`, `walk`, `rego.metadata.chain`,
 * `rego.metadata.rule`, `time.now_ns`, `test.sleep`, `opa.runtime`.
 * The registry has everything else: also `abs`, `round`, `ceil`, `floor`, `numbers.*`, `bits.*`, `intersection`, `union`, `count`, …
 *
 * Use `number.ts` for numbers (`arithmetic.ts` for exact sums), `json.ts` for JSON text with exact numbers.
 */
import type { Type } from './types.js'
import type { ObjectValue, RegoNumber, RegoSet, TypeName, Value } from './value.js'
import { isArray, isNumber, isObject, isSet, typeName } from './value.js'

export { T, type Type } from './types.js'

export interface Builtin {
  readonly name: string
  /** Types of the operands, for the arity and type checks at compile time. Their count is the arity. */
  readonly args: readonly Type[]
  /** When given, any number of operands of this type may follow (only `print` in OPA). */
  readonly variadic?: Type
  readonly result: Type
  /**
   * Why two evaluations may differ: `external` reaches outside the process, `random` draws randomness. Both can be refused at
   * compile time; neither is computed ahead of evaluation. Absent: a function of its operands (and the context's time).
   */
  readonly impure?: 'external' | 'random'
  readonly run: BuiltinFunction
}

/**
 * Operands in, result out; `undefined` makes the expression undefined. Throw {@link OperandError} for an operand of a wrong type or form
 * ("operand 1 must be string but got number") and {@link BuiltinError} for everything else that OPA calls an error; the
 * evaluator adds the name and place, and raises `eval_type_error` or `eval_builtin_error` when errors are strict, or makes the expression
 * undefined when not. Any other exception is a defect. A result that is `false` is a value like any other.
 */
export type BuiltinFunction = (context: BuiltinContext, ...operands: Value[]) => Value | undefined

/** One evaluation, as a built-in sees it. */
export interface BuiltinContext {
  /** The time of this evaluation, the same at each call: nanoseconds since 1970. */
  readonly nowNs: bigint
  /** Values kept for the length of this evaluation, such as `rand.intn`'s and `uuid.rfc4122`'s per key. */
  readonly cache: Map<string, unknown>
  /** Random bytes: the caller's source, or the platform's. */
  randomBytes(length: number): Uint8Array
  /**
   * Charges work against the evaluation's limit of steps; throws when it is spent. Call it for work that grows faster than
   * the operands' size, before doing it: `context.charge(to - from)` in `numbers.range`.
   */
  charge(steps: number): void
}

/** A built-in that failed: OPA's `eval_builtin_error`. The message comes without the built-in's name. */
export class BuiltinError extends Error {
  override readonly name = 'BuiltinError'
}

/** An operand that is not what the built-in takes: OPA's `eval_type_error`. The message comes without the built-in's name. */
export class OperandError extends Error {
  override readonly name = 'OperandError'
}

/** Declares a built-in. */
export function builtin(
  name: string,
  args: readonly Type[],
  result: Type,
  run: BuiltinFunction,
  more: Pick<Builtin, 'impure' | 'variadic'> = {},
): Builtin {
  return { name, args, result, run, ...more }
}

/** All built-ins by name. Two of one name are a defect. */
export function registry(...families: readonly (readonly Builtin[])[]): ReadonlyMap<string, Builtin> {
  const all = new Map<string, Builtin>()
  for (const one of families.flat()) {
    if (all.has(one.name)) throw new Error(`two built-ins are named ${one.name}`)
    all.set(one.name, one)
  }
  return all
}

/**
 * "operand 2 must be number but got string", or "operand 1 must be one of {array, set} but got number" when several would do.
 *
 * @param position 1 for the first operand
 */
export function operandError(position: number, got: Value, ...expected: readonly string[]): OperandError {
  const what = expected.length === 1 ? String(expected[0]) : `one of {${[...expected].sort().join(', ')}}`
  return new OperandError(`operand ${position} must be ${what} but got ${typeName(got)}`)
}

export function stringOperand(value: Value | undefined, position: number): string {
  if (typeof value === 'string') return value
  throw operandError(position, value ?? null, 'string')
}

export function numberOperand(value: Value | undefined, position: number): RegoNumber {
  if (isNumber(value)) return value
  throw operandError(position, value ?? null, 'number')
}

export function arrayOperand(value: Value | undefined, position: number): readonly Value[] {
  if (value !== undefined && isArray(value)) return value
  throw operandError(position, value ?? null, 'array')
}

export function objectOperand(value: Value | undefined, position: number): ObjectValue {
  if (value !== undefined && isObject(value)) return value
  throw operandError(position, value ?? null, 'object')
}

export function setOperand(value: Value | undefined, position: number): RegoSet {
  if (value !== undefined && isSet(value)) return value
  throw operandError(position, value ?? null, 'set')
}

/** Throws unless the operand has one of these types. */
export function operandOf(value: Value | undefined, position: number, ...types: readonly TypeName[]): Value {
  if (value !== undefined && types.includes(typeName(value))) return value
  throw operandError(position, value ?? null, ...types)
}
