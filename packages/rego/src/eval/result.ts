import { NOWHERE, RegoError } from '../errors.js'
import { isArray, isObject, isSet, type Json, objectEntries, toJson, type Value } from '../value.js'

/**
 * A result as JSON.
 *
 * @throws RegoError `eval_limit_error` when it holds more values than allowed
 */
export function resultJson(value: Value, maxSize: number): Json {
  if (typeof value !== 'object' || value === null) return toJson(value)
  let left = maxSize
  const count = (one: Value): void => {
    if (--left < 0) {
      throw RegoError.at('eval_limit_error', `the result holds more than ${maxSize} values`, NOWHERE)
    }
    if (isArray(one)) for (const element of one) count(element)
    else if (isSet(one)) for (const element of one.unsorted()) count(element)
    else if (isObject(one)) for (const [, member] of objectEntries(one)) count(member)
  }
  count(value)
  return toJson(value)
}
