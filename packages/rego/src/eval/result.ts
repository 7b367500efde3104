import { NOWHERE, RegoError } from '../errors.js'
import { type Json, JsonWriter, type Value } from '../value.js'

/**
 * A result as JSON.
 *
 * @throws RegoError `eval_limit_error` when it holds more values than allowed
 */
export function resultJson(value: Value, maxSize: number): Json {
  const writer = new JsonWriter(maxSize)
  const json = writer.write(value)
  if (json === undefined) {
    throw RegoError.at('eval_limit_error', `the result holds more than ${maxSize} values`, NOWHERE)
  }
  return json
}
