import type { Program } from '../compiler/program.js'
import { RuleTree } from '../compiler/rule-tree.js'
import { compare, isObject, lookup, objectGet, RegoObject, sortedKeys, type Value } from '../value.js'
import type { Context } from './context.js'

/**
 * A spot below `data` that is only known when the policy runs (`data.tenants[x].allow`): a plain value, or a package, whose
 * members are rules and base documents together.
 */
export type Place = Value | RuleTree

/** The document in the base data at a path, without rules. */
export function baseAt(c: Context, path: readonly Value[]): Value | undefined {
  let value: Value | undefined = c.data
  for (const key of path) {
    if (value === undefined) return undefined
    value = baseMember(value, key)
  }
  return value
}

/** A member of a base document. Its keys are strings, which a number finds too: `data[2]` is `data["2"]`. */
export function baseMember(value: Value, key: Value): Value | undefined {
  const found = lookup(value, key)
  return found === undefined && typeof key === 'number' && isObject(value) ? lookup(value, String(key)) : found
}

/** The member of a place under a key. */
export function member(c: Context, program: Program, place: Place, key: Value): Place | undefined {
  if (!(place instanceof RuleTree)) return lookup(place, key)
  const child = place.child(key)
  if (!child || c.isReplaced(child.path)) {
    const base = baseAt(c, place.path)
    return base === undefined ? undefined : baseMember(base, key)
  }
  return child.rules.length > 0 ? program.groupOf(child).value(c) : child
}

/** The keys of a package: those of rules and of base documents, in order. */
export function packageKeys(c: Context, place: RuleTree): Value[] {
  const all = new RegoObject()
  const base = baseAt(c, place.path)
  if (base !== undefined && isObject(base)) for (const key of sortedKeys(base)) all.set(key, null)
  for (const child of place.children.values()) all.set(child.key, null)
  return [...all.sortedKeys()].sort(compare)
}

/** The whole document at a place, rules evaluated. */
export function document(c: Context, program: Program, place: Place): Value | undefined {
  if (!(place instanceof RuleTree)) return place
  if (c.isReplaced(place.path)) return baseAt(c, place.path)
  const object = new RegoObject()
  const base = baseAt(c, place.path)
  if (base !== undefined && isObject(base)) {
    for (const key of sortedKeys(base)) {
      if (!place.child(key)) object.set(key, objectGet(base, key) as Value)
    }
  }
  for (const child of place.children.values()) {
    const found = member(c, program, place, child.key)
    const value = found === undefined ? undefined : document(c, program, found)
    const below = base !== undefined && isObject(base) ? objectGet(base, child.key) : undefined
    if (value !== undefined) object.set(child.key, below === undefined ? value : merged(below, value))
    else if (below !== undefined && isObject(below)) object.set(child.key, below)
  }
  return object
}

/** A base document and rules at one path: objects are joined, elsewhere the base document wins. */
function merged(base: Value, virtual: Value): Value {
  if (!isObject(base) || !isObject(virtual)) return base
  const object = new RegoObject()
  for (const key of sortedKeys(base)) object.set(key, objectGet(base, key) as Value)
  for (const key of sortedKeys(virtual)) {
    const [below, value] = [objectGet(base, key), objectGet(virtual, key) as Value]
    object.set(key, below === undefined ? value : merged(below, value))
  }
  return object
}
