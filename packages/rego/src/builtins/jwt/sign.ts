/** Making tokens: `io.jwt.encode_sign` and `io.jwt.encode_sign_raw`. */
import { BuiltinError } from '../../builtins-api.js'
import { isObject, objectGet, type Value } from '../../value.js'
import { encodeBase64 } from '../go/base64.js'
import { toBytes } from '../go/bytes.js'
import { isJson, unmarshalJson } from '../json.js'
import { ALGORITHMS, signData } from './algorithms.js'
import { parseJwks } from './keys.js'

/** Header and payload as JSON text, the key as JWK or JWK set of which the first key signs. */
export function encodeAndSign(header: string, payload: string, jwk: string): string {
  const [key] = parseJwks(jwk, '')
  if (key === undefined) throw new BuiltinError('no keys found in JWK set')
  const fields = headerFields(header)
  const alg = objectField(fields, 'alg')
  if (!ALGORITHMS.has(alg)) throw new BuiltinError(`unknown JWS algorithm: ${alg}`)
  const typ = isObject(fields) ? objectGet(fields, 'typ') : undefined
  if ((typeof typ !== 'string' || typ === 'JWT') && !isJson(payload)) {
    throw new BuiltinError('type is JWT but payload is not JSON')
  }
  const signed = `${base64Url(toBytes(header))}.${base64Url(toBytes(payload))}`
  const signature = signData(alg, key.key, toBytes(signed))
  if (signature === undefined) throw new BuiltinError(`failed to sign: key is not one for ${alg}`)
  return `${signed}.${base64Url(signature)}`
}

function headerFields(header: string): Value {
  try {
    return unmarshalJson(header)
  } catch (error) {
    if (!(error instanceof BuiltinError)) throw error
    const why = header === '' ? 'cannot parse empty string' : error.message
    throw new BuiltinError(`missing or invalid 'alg' header: cannot parse JSON: ${why}`)
  }
}

function objectField(fields: Value, name: string): string {
  const value = isObject(fields) ? objectGet(fields, name) : undefined
  if (value === undefined)
    throw new BuiltinError(`missing or invalid '${name}' header: jwsbb: header "${name}" not found`)
  if (typeof value === 'string') return value
  throw new BuiltinError(`missing or invalid '${name}' header: value doesn't contain string`)
}

function base64Url(bytes: Uint8Array): string {
  return encodeBase64(bytes, 'url', false)
}
