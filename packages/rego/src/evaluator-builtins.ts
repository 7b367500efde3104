/** The built-ins that are operators or that need the evaluator; every other one is in `builtins/`. */
import { add, divide, multiply, remainder, subtract } from './arithmetic.js'
import {
  type Builtin,
  type BuiltinContext,
  BuiltinError,
  builtin,
  numberOperand,
  operandError,
  registry,
  setOperand,
  T,
} from './builtins-api.js'
import { isMember, isMemberAt } from './eval/operators.js'
import type { RegoNumber } from './number.js'
import { fromBigInt } from './number.js'
import {
  compare,
  equal,
  isArray,
  isNumber,
  isObject,
  isSet,
  objectEntries,
  RegoObject,
  RegoSet,
  type Value,
} from './value.js'

type Numbers = (a: RegoNumber, b: RegoNumber) => RegoNumber

function arithmetic(name: string, operation: Numbers): Builtin {
  return builtin(name, [T.number, T.number], T.number, (_, a, b) => operation(numberOperand(a, 1), numberOperand(b, 2)))
}

function comparison(name: string, holds: (a: Value, b: Value) => boolean): Builtin {
  return builtin(name, [T.any, T.any], T.boolean, (_, a, b) => holds(a as Value, b as Value))
}

function quotient(a: RegoNumber, b: RegoNumber): RegoNumber {
  const result = divide(a, b)
  if (result === undefined) throw new BuiltinError('divide by zero')
  return result
}

function modulo(a: RegoNumber, b: RegoNumber): RegoNumber {
  const result = remainder(a, b)
  if (result === 'zero') throw new BuiltinError('modulo by zero')
  if (result === 'fraction') throw new BuiltinError('modulo on floating-point number')
  return result
}

/** Numbers are subtracted; of sets the elements of the first that are not in the second. */
function minus(_: BuiltinContext, a: Value | undefined, b: Value | undefined): Value {
  const [left, right] = [a as Value, b as Value]
  if (isNumber(left) && isNumber(right)) return subtract(left, right)
  if (isSet(left) && isSet(right)) {
    const difference = new RegoSet()
    for (const element of left.unsorted()) if (!right.has(element)) difference.add(element)
    return difference
  }
  if (!isNumber(left) && !isSet(left)) throw operandError(1, left, 'number', 'set')
  throw operandError(2, right, isNumber(right) ? 'set' : 'number')
}

const numberOrSet = T.union(T.number, T.set(T.any))

/** Functions of their operands. */
const pure: readonly Builtin[] = [
  comparison('eq', equal),
  comparison('equal', equal),
  comparison('neq', (a, b) => !equal(a, b)),
  comparison('lt', (a, b) => compare(a, b) < 0),
  comparison('lte', (a, b) => compare(a, b) <= 0),
  comparison('gt', (a, b) => compare(a, b) > 0),
  comparison('gte', (a, b) => compare(a, b) >= 0),
  comparison('assign', equal),
  arithmetic('plus', add),
  builtin('minus', [numberOrSet, numberOrSet], numberOrSet, minus),
  arithmetic('mul', multiply),
  arithmetic('div', quotient),
  arithmetic('rem', modulo),
  builtin('and', [T.set(T.any), T.set(T.any)], T.set(T.any), (_, a, b) => {
    const [left, right] = [setOperand(a, 1), setOperand(b, 2)]
    const both = new RegoSet()
    for (const element of left.unsorted()) if (right.has(element)) both.add(element)
    return both
  }),
  builtin('or', [T.set(T.any), T.set(T.any)], T.set(T.any), (_, a, b) => {
    const either = new RegoSet()
    for (const element of setOperand(a, 1).unsorted()) either.add(element)
    for (const element of setOperand(b, 2).unsorted()) either.add(element)
    return either
  }),
  builtin('internal.member_2', [T.any, T.any], T.boolean, (_, element, collection) =>
    isMember(element as Value, collection as Value),
  ),
  builtin('internal.member_3', [T.any, T.any, T.any], T.boolean, (_, key, element, collection) =>
    isMemberAt(key as Value, element as Value, collection as Value),
  ),
  builtin('trace', [T.string], T.boolean, () => true),
  // Time stands still in an evaluation, so there is nothing to wait for.
  builtin('test.sleep', [T.string], T.boolean, () => true),
  builtin('print', [], T.boolean, () => true, { variadic: T.any }),
  builtin('time.now_ns', [], T.number, (context) => fromBigInt(context.nowNs)),
  builtin('rego.metadata.chain', [], T.array(T.any), () => []),
  builtin('rego.metadata.rule', [], T.any, () => undefined),
  // Its values come from `walkPairs`; as a function it has none.
  builtin('walk', [T.any], T.tuple(T.array(T.any), T.any), () => undefined),
]

/** There is no OPA process to tell of, and nothing of this one is shown. */
const runtime: readonly Builtin[] = [
  builtin('opa.runtime', [], T.object(T.string, T.any), () => new RegoObject(), { impure: 'external' }),
]

export const evaluatorBuiltins = registry(pure, runtime)

/** What `walk` relates a document to: each path into it, and the value there, from the root down. */
export function* walkPairs(document: Value, path: readonly Value[] = []): Iterable<[readonly Value[], Value]> {
  yield [path, document]
  if (isArray(document)) {
    for (const [index, element] of document.entries()) yield* walkPairs(element, [...path, index])
  } else if (isSet(document)) {
    for (const element of document) yield* walkPairs(element, [...path, element])
  } else if (isObject(document)) {
    for (const [key, member] of objectEntries(document)) yield* walkPairs(member, [...path, key])
  }
}
