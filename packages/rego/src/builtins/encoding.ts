/** `base64.*`, `base64url.*`, `hex.*`, `urlquery.*`. Strings that are no UTF-8 keep their bytes. */
import { type Builtin, BuiltinError, builtin, OperandError, stringOperand, T } from '../builtins-api.js'
import { compareStrings, isArray, isObject, isSet, RegoObject, type Value } from '../value.js'
import { type Alphabet, decodeBase64, decodeBase64Url, encodeBase64 } from './go/base64.js'
import { fromBytes, hex, toBytes } from './go/bytes.js'
import { jsonEntries } from './go/json-text.js'
import { isPrintable } from './go/quote.js'
import { parseQuery, queryEscape, queryUnescape } from './go/url.js'
import { given, typeError } from './operands.js'

function text(name: string, convert: (text: string) => string): Builtin {
  return builtin(name, [T.string], T.string, (_, operand) => convert(stringOperand(operand, 1)))
}

function encoder(name: string, alphabet: Alphabet, padded: boolean): Builtin {
  return text(name, (value) => encodeBase64(toBytes(value), alphabet, padded))
}

function isBase64(operand: Value | undefined): boolean {
  if (typeof operand !== 'string') return false
  try {
    decodeBase64(operand, 'standard')
    return true
  } catch (error) {
    if (error instanceof BuiltinError) return false
    throw error
  }
}

function decodeHex(digits: string): string {
  for (const character of digits) {
    if (/^[0-9a-fA-F]$/.test(character)) continue
    const byte = toBytes(character)[0] as number
    const shown = isPrintable(String.fromCharCode(byte)) ? ` '${String.fromCharCode(byte)}'` : ''
    const code = byte.toString(16).toUpperCase().padStart(4, '0')
    throw new BuiltinError(`encoding/hex: invalid byte: U+${code}${shown}`)
  }
  if (digits.length % 2 === 1) throw new BuiltinError('encoding/hex: odd length hex string')
  return fromBytes(Uint8Array.from(digits.match(/../g) ?? [], (two) => Number.parseInt(two, 16)))
}

function queryValues(value: Value): readonly string[] {
  if (typeof value === 'string') return [value]
  const elements = isArray(value) || isSet(value) ? [...value] : [null]
  return elements.map((element) => {
    if (typeof element === 'string') return element
    throw new OperandError('operand 1 values must be string, array[string], or set[string]')
  })
}

function encodeQuery(operand: Value | undefined): string {
  const value = given(operand)
  if (!isObject(value)) throw typeError(1, operand, 'object')
  const entries = jsonEntries(value).map(([key, one]) => [key, queryValues(one)] as const)
  entries.sort(([a], [b]) => compareStrings(a, b))
  return entries.flatMap(([key, all]) => all.map((one) => `${queryEscape(key)}=${queryEscape(one)}`)).join('&')
}

const queryValue = T.union(T.string, T.array(T.string), T.set(T.string))

export const encoding: readonly Builtin[] = [
  encoder('base64.encode', 'standard', true),
  encoder('base64url.encode', 'url', true),
  encoder('base64url.encode_no_pad', 'url', false),
  text('base64.decode', (value) => fromBytes(decodeBase64(value, 'standard'))),
  text('base64url.decode', (value) => fromBytes(decodeBase64Url(value))),
  builtin('base64.is_valid', [T.string], T.boolean, (_, operand) => isBase64(operand)),
  text('hex.encode', (value) => hex(toBytes(value))),
  text('hex.decode', decodeHex),
  text('urlquery.encode', queryEscape),
  text('urlquery.decode', queryUnescape),
  builtin('urlquery.encode_object', [T.object(T.string, queryValue)], T.string, (_, object) => encodeQuery(object)),
  builtin('urlquery.decode_object', [T.string], T.object(T.string, T.array(T.string)), (_, query) =>
    RegoObject.from(parseQuery(stringOperand(query, 1))),
  ),
]
