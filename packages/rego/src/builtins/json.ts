/** `json.marshal`, `json.marshal_with_options`, `json.unmarshal`, `json.is_valid`. */
import {
  type Builtin,
  BuiltinError,
  builtin,
  OperandError,
  objectOperand,
  operandError,
  stringOperand,
  T,
} from '../builtins-api.js'
import { JsonError, parseJson } from '../json.js'
import { regoText } from '../text.js'
import { isArray, isObject, objectEntries, RegoObject, type Value } from '../value.js'
import { replaceInvalid } from './go/bytes.js'
import { jsonErrorMessage } from './go/json-error.js'
import { type Indent, jsonText } from './go/json-text.js'
import { checkDepth, given, MAX_DEPTH, textMeter } from './operands.js'

/** @throws BuiltinError with Go's words for what is wrong */
export function unmarshalJson(text: string): Value {
  checkDepth(jsonDepth(text))
  try {
    const value = parseJson(replaceInvalid(text))
    return /\\u[dD][89a-fA-F]/.test(text) ? withoutSurrogates(value) : value
  } catch (error) {
    if (error instanceof JsonError || error instanceof RangeError) {
      throw new BuiltinError(jsonErrorMessage(text) ?? error.message)
    }
    throw error
  }
}

export function isJson(text: string): boolean {
  return jsonDepth(text) <= MAX_DEPTH && jsonErrorMessage(text) === undefined
}

/** How deep brackets nest, outside of strings. */
function jsonDepth(text: string): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (inString) {
      if (code === 0x5c) i += 1
      else if (code === 0x22) inString = false
    } else if (code === 0x22) inString = true
    else if (code === 0x5b || code === 0x7b) deepest = Math.max(deepest, ++depth)
    else if (code === 0x5d || code === 0x7d) depth -= 1
  }
  return deepest
}

/** Escapes can spell half a surrogate pair, which Go reads as U+FFFD. */
function withoutSurrogates(value: Value): Value {
  if (typeof value === 'string') return replaceInvalid(value)
  if (isArray(value)) return value.map(withoutSurrogates)
  if (!isObject(value)) return value
  const clean = new RegoObject()
  for (const [key, member] of objectEntries(value)) clean.set(withoutSurrogates(key), withoutSurrogates(member))
  return clean
}

function indentOption(operand: Value | undefined): Indent | undefined {
  let prefix = ''
  let indent = '\t'
  let implied = false
  let explicit: boolean | undefined
  for (const [index, [key, value]] of [...objectEntries(objectOperand(operand, 2))].entries()) {
    if (key === 'prefix' || key === 'indent') {
      if (typeof value !== 'string') {
        throw new OperandError(`operand 2 key "${key}" failed cast to string: ${castError(value, index)}`)
      }
      if (key === 'prefix') prefix = value
      else indent = value
      implied = true
    } else if (key === 'pretty') {
      if (typeof value !== 'boolean') throw new OperandError('operand 2 key "pretty" failed cast to bool')
      explicit = value
    } else if (typeof key === 'string') {
      throw new OperandError(`operand 2 object contained unknown key ${regoText(key)}`)
    } else {
      const why = castError(key, index)
      throw new OperandError(`operand 2 failed to stringify key ${regoText(key)} at index ${index}: ${why}`)
    }
  }
  return (explicit ?? implied) ? { prefix, indent } : undefined
}

function castError(value: Value, index: number): string {
  return operandError(index, value, 'string').message
}

const options = T.fields({ indent: T.string, prefix: T.string, pretty: T.boolean }, { key: T.string, value: T.any })

export const json: readonly Builtin[] = [
  builtin('json.marshal', [T.any], T.string, (context, value) => jsonText(given(value), textMeter(context))),
  builtin('json.marshal_with_options', [T.any, options], T.string, (context, value, operand) => {
    const indent = indentOption(operand)
    return (indent?.prefix ?? '') + jsonText(given(value), textMeter(context), indent)
  }),
  builtin('json.unmarshal', [T.string], T.any, (_, text) => unmarshalJson(stringOperand(text, 1))),
  builtin('json.is_valid', [T.string], T.boolean, (_, text) => typeof text === 'string' && isJson(text)),
]
