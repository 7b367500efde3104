/** `object.subset` on objects, sets and arrays. */
import { type Builtin, builtin, OperandError, T } from '../builtins-api.js'
import {
  equal,
  isArray,
  isObject,
  isSet,
  type ObjectValue,
  objectEntries,
  objectGet,
  type RegoSet,
  type Value,
} from '../value.js'
import { given } from './operands.js'

function objectContains(outer: ObjectValue, inner: ObjectValue): boolean {
  for (const [key, wanted] of objectEntries(inner)) {
    const found = objectGet(outer, key)
    if (found === undefined) return false
    if (!equal(found, wanted) && !nestedContains(found, wanted)) return false
  }
  return true
}

/** Below an object only values of one type are compared as subsets; an array with a set is not. */
function nestedContains(outer: Value, inner: Value): boolean {
  if (isObject(outer) && isObject(inner)) return objectContains(outer, inner)
  if (isSet(outer) && isSet(inner)) return setContains(outer, inner)
  return isArray(outer) && isArray(inner) && arrayContains(outer, inner)
}

function setContains(outer: RegoSet, inner: RegoSet): boolean {
  for (const element of inner.unsorted()) if (!outer.has(element)) return false
  return true
}

/**
 * Whether `inner` appears in `outer` as a run. OPA's search goes on after a partial match from the next element, so it finds every run.
 */
function arrayContains(outer: readonly Value[], inner: readonly Value[]): boolean {
  for (let start = 0; start + inner.length <= outer.length; start++) {
    if (inner.every((element, i) => equal(element, outer[start + i] as Value))) return true
  }
  return false
}

/** Whether all elements of the set are somewhere in the array. An empty set is in no empty array: OPA looks at elements alone. */
function arrayContainsSet(outer: readonly Value[], inner: RegoSet): boolean {
  let missing = inner.size
  for (const element of outer) {
    if (inner.has(element)) missing -= 1
    if (missing === 0) return true
  }
  return false
}

const collection = T.union(T.array(T.any), T.object(T.any, T.any), T.set(T.any))

export const subset: readonly Builtin[] = [
  builtin('object.subset', [collection, collection], T.boolean, (_, a, b) => {
    const outer = given(a)
    const inner = given(b)
    if (isArray(outer) && isSet(inner)) return arrayContainsSet(outer, inner)
    if ((isObject(outer) && isObject(inner)) || (isSet(outer) && isSet(inner)) || (isArray(outer) && isArray(inner))) {
      return nestedContains(outer, inner)
    }
    throw new OperandError('both arguments object.subset must be of the same type or array and set')
  }),
]
