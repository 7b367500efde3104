/** `json.match_schema` and `json.verify_schema`: JSON Schema drafts 4, 6 and 7, with the messages of the library that OPA uses. */
import { type Builtin, type BuiltinContext, BuiltinError, builtin, T } from '../builtins-api.js'
import { isArray, isObject, RegoObject, type Value } from '../value.js'
import { jsonText } from './go/json-text.js'
import { isJson, unmarshalJson } from './json.js'
import { compileSchema } from './json-schema/compile.js'
import { validate } from './json-schema/validate.js'
import { given, textMeter } from './operands.js'

/** A document as JSON text, or as value with sets and keys as JSON has them. */
function documentOperand(context: BuiltinContext, operand: Value | undefined): Value {
  const value = given(operand)
  if (typeof value === 'string') {
    if (!isJson(value)) throw new BuiltinError('invalid JSON string')
    return unmarshalJson(value)
  }
  if (isObject(value) || isArray(value)) return unmarshalJson(jsonText(value, textMeter(context)))
  throw new BuiltinError('wrong type, expected string or object')
}

const document = T.union(T.string, T.object(T.any, T.any))
const failure = T.fields({ desc: T.string, error: T.string, field: T.string, type: T.string })

export const jsonSchema: readonly Builtin[] = [
  builtin('json.match_schema', [document, document], T.tuple(T.boolean, T.array(failure)), (context, value, schema) => {
    const instance = documentOperand(context, value)
    const compiled = compileSchema(documentOperand(context, schema))
    const errors = validate(compiled, instance, (steps) => context.charge(steps))
    const shown = errors.map(({ type, field, description }) =>
      new RegoObject()
        .set('error', `${field}: ${description}`)
        .set('type', type)
        .set('field', field)
        .set('desc', description),
    )
    return [errors.length === 0, shown]
  }),
  builtin('json.verify_schema', [document], T.tuple(T.boolean, T.union(T.null, T.string)), (context, schema) => {
    try {
      compileSchema(documentOperand(context, schema))
      return [true, null]
    } catch (error) {
      if (error instanceof BuiltinError) return [false, `jsonschema: ${error.message}`]
      throw error
    }
  }),
]
