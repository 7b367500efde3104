/** Reading operands as OPA does, with its messages. */
import { arrayOperand, type BuiltinContext, BuiltinError, numberOperand, OperandError } from '../builtins-api.js'
import { normalize, parts, powerOfTen, type RegoNumber, toSafeInteger } from '../number.js'
import { isArray, isObject, isSet, objectEntries, type RegoSet, typeName, type Value } from '../value.js'

/** The value of an operand that the evaluator promises to pass. */
export function given(value: Value | undefined): Value {
  return value ?? null
}

/** "operand 2 must be one of {set, array} but got number", the expected types in the order that OPA names them. */
export function typeError(position: number, got: Value | undefined, ...expected: readonly string[]): OperandError {
  const what = expected.length === 1 ? expected[0] : `one of {${expected.join(', ')}}`
  return new OperandError(`operand ${position} must be ${what} but got ${typeName(got ?? null)}`)
}

/** "operand 1 must be array of strings but got array containing number" */
export function elementError(position: number, composite: Value, got: Value, expected: string): OperandError {
  const type = typeName(composite)
  return new OperandError(
    `operand ${position} must be ${type} of ${expected}s but got ${type} containing ${typeName(got)}`,
  )
}

/** An integer within 64 bits; beyond the safe integers the nearest double, which is only good for comparing with sizes. */
export function intOperand(value: Value | undefined, position: number): number {
  const number = numberOperand(value, position)
  const safe = toSafeInteger(number)
  if (safe !== undefined) return safe
  const integer = integerOf(number)
  if (integer === undefined || BigInt.asIntN(64, integer) !== integer) throw notInteger(position)
  return Number(integer)
}

/** An integer of any size. OPA says "operand 2 must be integer but got string" for other types. */
export function bigIntOperand(value: Value | undefined, position: number): bigint {
  if (typeName(value ?? null) !== 'number') throw typeError(position, value, 'integer')
  const integer = integerOf(value as RegoNumber)
  if (integer === undefined) throw notInteger(position)
  return integer
}

/** The integer that a number is; undefined when it has a fraction. Throws when it has too many digits to compute with. */
export function integerOf(value: RegoNumber): bigint | undefined {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  const [coefficient, exponent] = boundedParts(value)
  return exponent < 0 ? undefined : coefficient * powerOfTen(exponent)
}

/** The integer part of a number, towards zero. */
export function truncated(value: RegoNumber): bigint {
  const [coefficient, exponent] = boundedParts(value)
  return exponent >= 0 ? coefficient * powerOfTen(exponent) : coefficient / powerOfTen(-exponent)
}

/** OPA refuses numbers whose binary exponent is beyond 1e5; in decimal digits that is this many. */
const MAX_DECIMAL_EXPONENT = 30_103

/** Coefficient and power of ten. Throws for numbers so large or small that computing with them would be unbounded work. */
function boundedParts(value: RegoNumber): [coefficient: bigint, exponent: number] {
  const [coefficient, exponent] = parts(value)
  if (Math.abs(exponent) > MAX_DECIMAL_EXPONENT) throw new BuiltinError('number too big')
  return [coefficient, exponent]
}

export function integer(value: bigint): RegoNumber {
  return normalize(value, 0)
}

function notInteger(position: number): OperandError {
  return new OperandError(`operand ${position} must be integer number but got floating-point number`)
}

/** The strings of an array or set. */
export function stringsOperand(value: Value | undefined, position: number): readonly string[] {
  const collection = given(value)
  if (!isArray(collection) && !isSet(collection)) throw typeError(position, value, 'array', 'set')
  return stringElements(collection, position)
}

export function stringElements(collection: readonly Value[] | RegoSet, position: number): readonly string[] {
  const strings: string[] = []
  for (const element of collection) {
    if (typeof element !== 'string') throw elementError(position, collection, element, 'string')
    strings.push(element)
  }
  return strings
}

/** Single characters of an array of strings. */
export function runesOperand(value: Value | undefined, position: number): readonly string[] {
  const array = arrayOperand(value, position)
  return array.map((element) => {
    if (typeof element !== 'string') throw elementError(position, array, element, 'string')
    if ([...element].length !== 1) throw elementError(position, array, element, 'rune')
    return element
  })
}

/** The elements of an array or set in order; undefined for other types. */
export function elementsOf(value: Value | undefined): readonly Value[] | undefined {
  const collection = given(value)
  if (isArray(collection)) return collection
  return isSet(collection) ? collection.sorted() : undefined
}

/** Results are kept below this many UTF-16 units, so that a policy cannot exhaust memory. */
const MAX_TEXT = 64 * 1024 * 1024

/** Charges for a text of this length before it is made, and refuses one that is too long. */
export function chargeText(context: BuiltinContext, length: number): void {
  if (length > MAX_TEXT) throw new BuiltinError('result is too large')
  context.charge(length >> 6)
}

/** For texts made piece by piece: call with each piece's length before the piece is kept. Every piece is a step. */
export function textMeter(context: BuiltinContext): (added: number) => void {
  let total = 0
  let pieces = 0
  let charged = 0
  return (added) => {
    total += added
    pieces += 1
    if (total - charged < 4096 && pieces < 64) return
    context.charge(pieces)
    chargeText(context, total - charged)
    if (total > MAX_TEXT) throw new BuiltinError('result is too large')
    pieces = 0
    charged = total
  }
}

/**
 * The deepest nesting that is read or written. Go stops at 10,000; here recursion must stay far from the end of the stack, where the
 * JavaScript engine ends the process if a regular expression is compiled.
 */
export const MAX_DEPTH = 500

/** @throws BuiltinError `exceeded max depth` */
export function checkDepth(depth: number): void {
  if (depth > MAX_DEPTH) throw new BuiltinError('exceeded max depth')
}

/** Charges for every place inside a value. One that shares its parts can be far larger as text than in memory. */
export function chargeValue(context: BuiltinContext, value: Value, depth = 0): void {
  context.charge(1)
  checkDepth(depth)
  if (isArray(value)) for (const element of value) chargeValue(context, element, depth + 1)
  else if (isSet(value)) for (const element of value.unsorted()) chargeValue(context, element, depth + 1)
  else if (isObject(value)) {
    for (const [key, member] of objectEntries(value)) {
      chargeValue(context, key, depth + 1)
      chargeValue(context, member, depth + 1)
    }
  }
}
