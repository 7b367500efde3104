import { NOWHERE, RegoError } from '../errors.js'
import { type Json, JsonWriter, RegoObject, type Value } from '../value.js'

/**
 * A result as JSON.
 *
 * @throws RegoError `eval_limit_error` when it holds more values than allowed
 */
export function resultJson(value: Value, maxSize: number): Json {
  if (value instanceof RegoObject && value.isConstant) return constantJson(value, maxSize)
  return written(value, maxSize)
}

function written(value: Value, maxSize: number): Json {
  const json = new JsonWriter(maxSize).write(value)
  if (json === undefined) {
    throw RegoError.at('eval_limit_error', `the result holds more than ${maxSize} values`, NOWHERE)
  }
  return json
}

type Copy = () => Json

const copies = new WeakMap<RegoObject, { readonly copy: Copy; readonly maxSize: number }>()

/** Objects written out in a policy are the same each time, so only their copying is left to do. */
function constantJson(value: RegoObject, maxSize: number): Json {
  let known = copies.get(value)
  if (known === undefined || maxSize < known.maxSize) {
    known = { copy: copier(written(value, maxSize)), maxSize }
    copies.set(value, known)
  }
  return known.copy()
}

function copier(json: Json): Copy {
  if (Array.isArray(json)) {
    const elements = json.map((element) => copier(element))
    return () => elements.map((copy) => copy())
  }
  if (typeof json !== 'object' || json === null || Object.getPrototypeOf(json) !== Object.prototype) return () => json
  const model = json as { [key: string]: Json }
  const nested = Object.entries(model).flatMap(([key, member]) => {
    return typeof member === 'object' && member !== null ? [[key, copier(member)] as const] : []
  })
  // With a key named `__proto__` nothing may be assigned, so such an object is written anew each time.
  if (Object.hasOwn(model, '__proto__')) return () => structuredClone(model)
  if (nested.length === 0) return () => ({ ...model })
  return () => {
    const copied = { ...model }
    for (const [key, copy] of nested) copied[key] = copy()
    return copied
  }
}
