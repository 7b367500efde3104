/** `count`, `sum`, `product`, `max`, `min`, `sort`, and the deprecated `all` and `any`. */
import { add } from '../arithmetic.js'
import { type Builtin, BuiltinError, builtin, T } from '../builtins-api.js'
import { isNumber, parseNumber, parts, type RegoNumber } from '../number.js'
import { compare, isSet, sizeOf, type Value } from '../value.js'
import { splitDouble } from './go/float-text.js'
import { elementError, elementsOf, given, integer, integerOf, typeError } from './operands.js'

const collection = T.union(T.array(T.any), T.set(T.any))
const numbers = T.union(T.array(T.number), T.set(T.number))

function elements(value: Value | undefined, ...expected: readonly string[]): readonly Value[] {
  const found = elementsOf(value)
  if (found === undefined) throw typeError(1, value, ...(expected.length > 0 ? expected : ['set', 'array']))
  return found
}

function numbersOf(value: Value | undefined): readonly RegoNumber[] {
  return elements(value).map((element) => {
    if (!isNumber(element)) throw elementError(1, given(value), element, 'number')
    return element
  })
}

/** Integers are added exactly; a fraction among them makes the whole sum a float of 64 bits. */
function sum(operands: readonly RegoNumber[]): RegoNumber {
  let total = 0
  for (const number of operands) {
    if (typeof number !== 'number' || !Number.isSafeInteger(number)) return slowSum(operands)
    total += number
    if (!Number.isSafeInteger(total)) return slowSum(operands)
  }
  return total + 0
}

function slowSum(operands: readonly RegoNumber[]): RegoNumber {
  const exact = integers(operands)
  if (exact !== undefined) return integer(exact.reduce((a, b) => a + b, 0n))
  return operands.reduce(add)
}

/** Hexadecimal digits of the largest product. */
const MAX_DIGITS = 100_000

/** With a fraction OPA's product is a double: it starts from 1 with 53 bits and keeps to them. */
function product(operands: readonly RegoNumber[]): RegoNumber {
  const exact = integers(operands)
  if (exact === undefined) return parseNumber(String(operands.reduce(timesDouble, 1))) ?? 0
  let digits = 0
  for (const factor of exact) {
    digits += factor.toString(16).length
    if (digits > MAX_DIGITS) throw new BuiltinError('number too big')
  }
  return integer(exact.reduce((a, b) => a * b, 1n))
}

/** A double times an exact number, rounded once. */
function timesDouble(product: number, factor: RegoNumber): number {
  const [mantissa, binaryExponent] = splitDouble(Math.abs(product))
  const [coefficient, exponent] = parts(factor)
  const digits = binaryExponent < 0 ? mantissa * 5n ** BigInt(-binaryExponent) : mantissa << BigInt(binaryExponent)
  const sign = product < 0 ? -1n : 1n
  const result = Number(`${sign * digits * coefficient}e${exponent + Math.min(binaryExponent, 0)}`)
  if (!Number.isFinite(result)) throw new BuiltinError('number too big')
  return result
}

function integers(operands: readonly RegoNumber[]): readonly bigint[] | undefined {
  const found: bigint[] = []
  for (const number of operands) {
    const exact = integerOf(number)
    if (exact === undefined) return undefined
    found.push(exact)
  }
  return found
}

export const aggregates: readonly Builtin[] = [
  builtin('count', [T.union(T.string, T.array(T.any), T.object(T.any, T.any), T.set(T.any))], T.number, (_, value) => {
    const size = sizeOf(given(value))
    if (size === undefined) throw typeError(1, value, 'array', 'object', 'set', 'string')
    return size
  }),
  builtin('sum', [numbers], T.number, (_, value) => sum(numbersOf(value))),
  builtin('product', [numbers], T.number, (_, value) => product(numbersOf(value))),
  builtin('max', [collection], T.any, (_, value) => {
    const all = elements(value)
    return all.length === 0 ? undefined : all.reduce((a, b) => (compare(a, b) <= 0 ? b : a))
  }),
  builtin('min', [collection], T.any, (_, value) => {
    const all = elements(value)
    return all.length === 0 ? undefined : all.reduce((a, b) => (compare(a, b) >= 0 ? b : a))
  }),
  builtin('sort', [collection], T.array(T.any), (_, value) => {
    const all = elements(value)
    return isSet(given(value)) ? all : [...all].sort(compare)
  }),
  builtin('all', [collection], T.boolean, (_, value) =>
    elements(value, 'array', 'set').every((element) => element === true),
  ),
  builtin('any', [collection], T.boolean, (_, value) =>
    elements(value, 'array', 'set').some((element) => element === true),
  ),
]
