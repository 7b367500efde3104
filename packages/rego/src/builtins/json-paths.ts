/** `json.filter`, `json.remove` and `json.patch`. */
import { arrayOperand, type Builtin, BuiltinError, builtin, OperandError, objectOperand, T } from '../builtins-api.js'
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
import { deleteAt, insertAt, valueAt } from './json-edit.js'
import { elementsOf, given, typeError } from './operands.js'

export type Path = readonly Value[]

/** `a/b` with `~1` for a slash and `~0` for a tilde, or an array of segments. */
function pathOf(path: Value): Path {
  if (isArray(path)) return path
  if (typeof path !== 'string') {
    throw new OperandError(
      `operand 2 must be one of {set, array} containing string paths or array of path segments but got ${typeName(path)}`,
    )
  }
  if (path === '') return []
  return path
    .replace(/^\/+/, '')
    .split('/')
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** Paths as a tree whose leaves are null; a path that ends inside another takes its whole branch. */
function pathTree(operand: Value | undefined): RegoObject {
  const paths = elementsOf(operand)
  if (paths === undefined) throw typeError(2, operand, 'set', 'array')
  const root = new RegoObject()
  for (const path of paths.map(pathOf)) {
    let node: Value | undefined = root
    for (const [i, segment] of path.entries()) {
      if (!(node instanceof RegoObject)) break
      if (i === path.length - 1) node.set(segment, null)
      else if (node.get(segment) === undefined) node.set(segment, new RegoObject())
      node = node.get(segment)
    }
  }
  return root
}

/** What the tree names; a scalar stands for itself however deep the tree goes on. */
function filtered(value: Value, tree: Value): Value {
  if (!(tree instanceof RegoObject)) return value
  if (isArray(value)) {
    return value.flatMap((element, i) => {
      const branch = tree.get(String(i))
      return branch === undefined ? [] : [filtered(element, branch)]
    })
  }
  if (isSet(value)) {
    const result = new RegoSet()
    for (const element of value.unsorted()) {
      const branch = tree.get(element)
      if (branch !== undefined) result.add(filtered(element, branch))
    }
    return result
  }
  if (!isObject(value)) return value
  const result = new RegoObject()
  for (const [key, member] of objectEntries(value)) {
    const branch = tree.get(key)
    if (branch !== undefined) result.set(key, filtered(member, branch))
  }
  return result
}

/** All but what the tree names; undefined for a leaf of the tree. */
function removed(value: Value, tree: Value | undefined): Value | undefined {
  if (tree === null) return undefined
  if (!(tree instanceof RegoObject)) return value
  if (isArray(value)) {
    return value.flatMap((element, i) => {
      const rest = removed(element, tree.get(String(i)))
      return rest === undefined ? [] : [rest]
    })
  }
  if (isSet(value)) {
    const result = new RegoSet()
    for (const element of value.unsorted()) {
      const rest = removed(element, tree.get(element))
      if (rest !== undefined) result.add(rest)
    }
    return result
  }
  if (!isObject(value)) return value
  const result = new RegoObject()
  for (const [key, member] of objectEntries(value)) {
    const rest = removed(member, tree.get(key))
    if (rest !== undefined) result.set(key, rest)
  }
  return result
}

/**
 * One operation on a document; undefined is a document that was removed.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6902#section-4
 */
function patched(document: Value | undefined, operation: Value): Value | undefined {
  if (!isObject(operation)) {
    throw new BuiltinError('must be an array of JSON-Patch objects, but at least one element is not an object')
  }
  const attribute = (name: string): Value => {
    const value = objectGet(operation, name)
    if (value === undefined) throw new BuiltinError(`missing required attribute '${name}'`)
    return value
  }
  attribute('path')
  const op = attribute('op')
  if (typeof op !== 'string') throw new BuiltinError(`attribute 'op' must be a string but found: ${typeName(op)}`)
  const path = pathOf(attribute('path'))
  switch (op) {
    case 'add':
      return insertAt(document, path, attribute('value'))
    case 'remove':
      return deleteAt(document, path)
    case 'replace': {
      const without = deleteAt(document, path)
      return insertAt(without, path, attribute('value'))
    }
    case 'move': {
      const from = pathOf(attribute('from'))
      const value = valueAt(document, from)
      return insertAt(deleteAt(document, from), path, value)
    }
    case 'copy':
      return insertAt(document, path, valueAt(document, pathOf(attribute('from'))))
    case 'test': {
      const found = valueAt(document, path)
      const expected = attribute('value')
      if (equal(found, expected)) return document
      throw new BuiltinError(
        `value from EditTree != patch value.\n\nExpected: ${regoText(expected)}\n\nFound: ${regoText(found)}`,
      )
    }
    default:
      throw new BuiltinError(`unrecognized op: '${op}'`)
  }
}

const anyObject = T.object(T.any, T.any)
const pathType = T.union(T.string, T.array(T.any))
const paths = T.union(T.array(pathType), T.set(pathType))
const operation = T.fields({ op: T.string, path: T.any }, { key: T.any, value: T.any })

export const jsonPaths: readonly Builtin[] = [
  builtin('json.filter', [anyObject, paths], anyObject, (_, object, operand) =>
    filtered(objectOperand(object, 1), pathTree(operand)),
  ),
  builtin('json.remove', [anyObject, paths], anyObject, (_, object, operand) =>
    removed(objectOperand(object, 1), pathTree(operand)),
  ),
  builtin('json.patch', [T.any, T.array(operation)], T.any, (context, document, operations) =>
    arrayOperand(operations, 2).reduce<Value | undefined>((edited, one) => {
      context.charge(1)
      return patched(edited, one)
    }, given(document)),
  ),
]
