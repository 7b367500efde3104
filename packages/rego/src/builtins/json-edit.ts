/** Documents with one place changed, for `json.patch`. Sets are edited too: an element is its own key. */
import { BuiltinError } from '../builtins-api.js'
import { isNumber } from '../number.js'
import { regoText } from '../text.js'
import {
  equal,
  isArray,
  isObject,
  isSet,
  objectEntries,
  objectGet,
  RegoObject,
  RegoSet,
  typeName,
  type Value,
} from '../value.js'
import { integerOf } from './operands.js'

type Path = readonly Value[]

/** @throws BuiltinError when there is nothing at the path */
export function valueAt(document: Value | undefined, path: Path): Value {
  let at = existing(document)
  for (const key of path) at = child(at, key)
  return at
}

/** @throws BuiltinError when the place before the last segment is not there or does not take the key */
export function insertAt(document: Value | undefined, path: Path, value: Value): Value {
  return edit(document, path, value, (parent, key) => inserted(parent, key, value)) as Value
}

/** Undefined when the path is empty: the document itself is gone. @throws BuiltinError when there is nothing at the path */
export function deleteAt(document: Value | undefined, path: Path): Value | undefined {
  existing(document)
  return edit(document, path, undefined, deleted)
}

/** The document with the parent of the path's last segment changed, or `whole` for the empty path. */
function edit(
  document: Value | undefined,
  path: Path,
  whole: Value | undefined,
  change: (parent: Value, key: Value) => Value,
): Value | undefined {
  const [key, ...rest] = path
  if (key === undefined) return whole
  const parent = existing(document)
  if (rest.length === 0) return change(parent, key)
  const old = child(parent, key)
  return withChild(parent, key, old, edit(old, rest, whole, change) as Value)
}

function existing(document: Value | undefined): Value {
  if (document === undefined) throw new BuiltinError('deleted node encountered')
  return document
}

function child(parent: Value, key: Value): Value {
  let found: Value | undefined
  let type = ''
  if (isArray(parent)) {
    found = parent[indexOf(parent, key)]
    type = 'array'
  } else if (isSet(parent)) {
    found = parent.has(key) ? key : undefined
    type = 'set'
  } else if (isObject(parent)) {
    found = objectGet(parent, key)
    type = 'object'
  } else {
    throw new BuiltinError(`expected composite type for path ${regoText(key)}, found value: ${shown(parent)}`)
  }
  if (found === undefined) {
    const segment = isArray(parent) ? String(indexOf(parent, key)) : regoText(key)
    throw new BuiltinError(`path ${segment} does not exist in ${type} term ${regoText(parent)}`)
  }
  return found
}

function withChild(parent: Value, key: Value, old: Value, changed: Value): Value {
  if (isArray(parent)) return parent.with(indexOf(parent, key), changed)
  if (isSet(parent)) return RegoSet.from([...parent.unsorted()].filter((element) => !equal(element, old))).add(changed)
  return copy(parent).set(key, changed)
}

function inserted(parent: Value, key: Value, value: Value): Value {
  if (isArray(parent)) {
    const index = indexOf(parent, key)
    if (index < 0 || index > parent.length) throw new BuiltinError('index for array insertion out of bounds')
    return parent.toSpliced(index, 0, value)
  }
  if (isSet(parent)) {
    if (equal(key, value)) return RegoSet.from(parent.unsorted()).add(value)
    throw new BuiltinError(`set key ${regoText(key)} does not equal value to be inserted ${regoText(value)}`)
  }
  if (isObject(parent)) return copy(parent).set(key, value)
  throw new BuiltinError(`expected composite type, found value: ${shown(parent)}`)
}

function deleted(parent: Value, key: Value): Value {
  if (isArray(parent)) {
    const index = indexOf(parent, key)
    if (index < 0 || index >= parent.length) throw new BuiltinError('index for array delete out of bounds')
    return parent.toSpliced(index, 1)
  }
  if (!isSet(parent) && !isObject(parent)) {
    throw new BuiltinError(`expected composite type, found value: ${shown(parent)}`)
  }
  const old = isSet(parent) ? (parent.has(key) ? key : undefined) : objectGet(parent, key)
  if (old === undefined) throw new BuiltinError(`cannot delete child key ${regoText(key)} that does not exist`)
  if (isSet(parent)) return RegoSet.from([...parent.unsorted()].filter((element) => !equal(element, old)))
  const rest = copy(parent)
  rest.delete(key)
  return rest
}

/** A scalar with the name of its type in OPA. */
function shown(scalar: Value): string {
  const type = typeName(scalar)
  return `${regoText(scalar)} (type: ast.${type.charAt(0).toUpperCase()}${type.slice(1)})`
}

function copy(object: Value): RegoObject {
  return isObject(object) ? RegoObject.from(objectEntries(object)) : new RegoObject()
}

/** An index as number or text; `-` is the place after the last element. */
function indexOf(array: readonly Value[], key: Value): number {
  if (isNumber(key)) {
    const index = integerOf(key)
    if (index === undefined) throw new BuiltinError('invalid number type for indexing')
    return Number(index)
  }
  if (typeof key !== 'string') throw new BuiltinError('invalid type for indexing')
  if (key === '-') return array.length
  if (!/^-?\d{1,15}$/.test(key)) throw new BuiltinError('invalid string for indexing')
  if (key !== '0' && key.startsWith('0')) throw new BuiltinError('leading zeros are not allowed in JSON paths')
  return Number(key)
}
