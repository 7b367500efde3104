/** `object.*`; `object.subset` is in its own file. */
import { arrayOperand, type Builtin, builtin, objectOperand, T } from '../builtins-api.js'
import {
  isArray,
  isObject,
  isSet,
  lookup,
  type ObjectValue,
  objectEntries,
  objectGet,
  objectSize,
  RegoObject,
  RegoSet,
  sortedKeys,
  type Value,
} from '../value.js'
import { elementError, given, typeError } from './operands.js'

const anyObject = T.object(T.any, T.any)
const keys = T.union(T.array(T.any), anyObject, T.set(T.any))

/** The keys that an array, set or object names. */
function keysOperand(operand: Value | undefined): RegoSet {
  const value = given(operand)
  if (isSet(value)) return value
  if (isArray(value)) return RegoSet.from(value)
  if (isObject(value)) return RegoSet.from(sortedKeys(value))
  throw typeError(2, operand, 'object', 'set', 'array')
}

/** Right-hand values win; where both are objects, they are merged in turn. */
function merge(a: ObjectValue, b: ObjectValue): ObjectValue {
  const result = new RegoObject()
  for (const [key, value] of objectEntries(a)) result.set(key, value)
  for (const [key, value] of objectEntries(b)) {
    const old = result.get(key)
    result.set(key, old !== undefined && isObject(old) && isObject(value) ? merge(old, value) : value)
  }
  return result
}

function pick(object: ObjectValue, wanted: (key: Value) => boolean): RegoObject {
  const result = new RegoObject()
  for (const [key, value] of objectEntries(object)) if (wanted(key)) result.set(key, value)
  return result
}

export const objects: readonly Builtin[] = [
  builtin('object.get', [anyObject, T.any, T.any], T.any, (_, object, path, fallback) => {
    const from = objectOperand(object, 1)
    if (!isArray(given(path))) {
      const found = objectGet(from, given(path))
      return found === undefined ? fallback : found
    }
    let at: Value | undefined = from
    for (const key of arrayOperand(path, 2)) {
      at = lookup(at, key)
      if (at === undefined) return fallback
    }
    return at
  }),
  builtin('object.keys', [anyObject], T.set(T.any), (_, object) => RegoSet.from(sortedKeys(objectOperand(object, 1)))),
  builtin('object.union', [anyObject, anyObject], anyObject, (_, a, b) => {
    const left = objectOperand(a, 1)
    const right = objectOperand(b, 2)
    if (objectSize(left) === 0) return right
    return objectSize(right) === 0 ? left : merge(left, right)
  }),
  builtin('object.union_n', [T.array(anyObject)], anyObject, (_, operand) => {
    const all = arrayOperand(operand, 1)
    const found = all.map((one) => {
      if (!isObject(one)) throw elementError(1, all, one, 'object')
      return one
    })
    return found.reduce<ObjectValue>(merge, new RegoObject())
  }),
  builtin('object.remove', [anyObject, keys], anyObject, (_, operand, unwanted) => {
    const object = objectOperand(operand, 1)
    const names = keysOperand(unwanted)
    return pick(object, (key) => !names.has(key))
  }),
  builtin('object.filter', [anyObject, keys], anyObject, (_, operand, wanted) => {
    const object = objectOperand(operand, 1)
    const names = keysOperand(wanted)
    return pick(object, (key) => names.has(key))
  }),
]
