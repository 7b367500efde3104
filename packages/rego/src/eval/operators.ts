/** The operators between two values, as functions; `null` where the built-in has to decide (other types, exact numbers). */
import {
  compare,
  equal,
  isArray,
  isLongAndOwn,
  isObject,
  type Key,
  keyOf,
  lookup,
  objectEntries,
  RegoSet,
  type Value,
} from '../value.js'

type Operator = (a: Value, b: Value) => Value | null

export const operators: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ['equal', equal],
  ['neq', (a, b) => !equal(a, b)],
  ['lt', (a, b) => (typeof a === 'number' && typeof b === 'number' ? a < b : compare(a, b) < 0)],
  ['lte', (a, b) => (typeof a === 'number' && typeof b === 'number' ? a <= b : compare(a, b) <= 0)],
  ['gt', (a, b) => (typeof a === 'number' && typeof b === 'number' ? a > b : compare(a, b) > 0)],
  ['gte', (a, b) => (typeof a === 'number' && typeof b === 'number' ? a >= b : compare(a, b) >= 0)],
  ['plus', (a, b) => safe(a, b, (x, y) => x + y)],
  ['minus', (a, b) => safe(a, b, (x, y) => x - y)],
  ['mul', (a, b) => safe(a, b, (x, y) => x * y)],
  ['internal.member_2', (element, collection) => isMember(element, collection)],
])

/** Integers whose result is a safe integer too need no more than JavaScript's arithmetic. */
function safe(a: Value, b: Value, operation: (x: number, y: number) => number): Value | null {
  if (typeof a !== 'number' || typeof b !== 'number' || !Number.isSafeInteger(a) || !Number.isSafeInteger(b))
    return null
  const result = operation(a, b)
  return Number.isSafeInteger(result) ? result + 0 : null
}

const indexes = new WeakMap<object, ReadonlySet<Key>>()

/** Base data never changes, so a long array in it is searched by an index. */
function isInIndexed(element: Value, array: readonly Value[]): boolean {
  let index = indexes.get(array)
  if (!index) {
    index = new Set(array.map(keyOf))
    indexes.set(array, index)
  }
  return index.has(keyOf(element))
}

/** `element in collection`: among an array's or set's elements, or an object's values. */
export function isMember(element: Value, collection: Value): boolean {
  if (isArray(collection)) {
    if (isLongAndOwn(collection)) return isInIndexed(element, collection)
    // Strings are equal when they are identical, and nothing else equals one.
    if (typeof element === 'string') return collection.includes(element)
    return collection.some((one) => equal(one, element))
  }
  if (collection instanceof RegoSet) return collection.has(element)
  if (!isObject(collection)) return false
  for (const [, value] of objectEntries(collection)) if (equal(value, element)) return true
  return false
}

/** `key, element in collection`. */
export function isMemberAt(key: Value, element: Value, collection: Value): boolean {
  if (collection instanceof RegoSet) return equal(key, element) && collection.has(element)
  const value = lookup(collection, key)
  return value !== undefined && equal(value, element)
}
