/**
 * Tokens in three parts.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7515#section-7.1
 */
import { BuiltinError, stringOperand } from '../../builtins-api.js'
import { isArray, isObject, type ObjectValue, objectEntries, objectGet, type Value } from '../../value.js'
import { decodeBase64Url } from '../go/base64.js'
import { fromBytes, toBytes } from '../go/bytes.js'
import { unmarshalJson } from '../json.js'

export interface Token {
  readonly header: string
  readonly payload: string
  readonly signature: string
}

/** The fields of a header that verifying looks at. */
export interface Header {
  readonly fields: ObjectValue
  readonly alg: string
  readonly kid: string
  readonly cty: string
  /** Whether the token may be taken at all: an algorithm is named, and nothing critical is unknown. */
  readonly acceptable: boolean
}

export function splitToken(operand: Value | undefined): Token {
  const text = stringOperand(operand, 1)
  if (!text.includes('.')) throw new BuiltinError('encoded JWT had no period separators')
  const parts = text.split('.')
  const [header, payload, signature] = parts
  if (parts.length !== 3 || header === undefined || payload === undefined || signature === undefined) {
    throw new BuiltinError(`encoded JWT must have 3 sections, found ${parts.length}`)
  }
  return { header, payload, signature }
}

/** What is signed. */
export function signedBytes({ header, payload }: Token): Uint8Array {
  return toBytes(`${header}.${payload}`)
}

export function decodeHeader(token: Token): ObjectValue {
  const text = decodePart(token.header, 'JWT header had invalid encoding: ')
  const fields = jsonObject(text, 'bad JWT header: ')
  if (objectGet(fields, 'enc') !== undefined) throw new BuiltinError('JWT is a JWE object, which is not supported')
  return fields
}

export function decodePart(part: string, message: string): string {
  try {
    return fromBytes(decodeBase64Url(part))
  } catch (error) {
    if (error instanceof BuiltinError) throw new BuiltinError(`${message}${error.message}`)
    throw error
  }
}

export function jsonObject(text: string, message = ''): ObjectValue {
  let value: Value
  try {
    value = unmarshalJson(text)
  } catch (error) {
    if (error instanceof BuiltinError) throw new BuiltinError(`${message}invalid JSON: ${error.message}`)
    throw error
  }
  if (!isObject(value)) throw new BuiltinError(`${message}decoded JSON type was not an Object`)
  return value
}

const TEXT_FIELDS = ['alg', 'kid', 'typ', 'cty']

/** @throws BuiltinError when a field that is known has another type */
export function readHeader(fields: ObjectValue): Header {
  const texts = new Map<string, string>()
  const unknown: Value[] = []
  let critical: readonly Value[] = []
  for (const [name, value] of objectEntries(fields)) {
    if (name === 'crit') critical = criticalNames(value)
    else if (typeof name !== 'string' || !TEXT_FIELDS.includes(name)) unknown.push(name)
    else if (typeof value !== 'string') throw new BuiltinError(`${name}: must be a string`)
    else texts.set(name, value)
  }
  const text = (name: string): string => texts.get(name) ?? ''
  const acceptable = text('alg') !== '' && !unknown.some((name) => critical.includes(name))
  return { fields, alg: text('alg'), kid: text('kid'), cty: text('cty'), acceptable }
}

function criticalNames(value: Value): readonly Value[] {
  if (!isArray(value)) throw new BuiltinError('crit: must be a list')
  // As in OPA, names before one that is no string count, and the error itself does not.
  const bad = value.findIndex((name) => typeof name !== 'string')
  const names = bad < 0 ? value : value.slice(0, bad)
  if (names.length === 0) throw new BuiltinError('crit: must be a nonempty list')
  return names
}
