/**
 * Keys for verifying and signing: a PEM certificate or public key, a JWK, or a set of them.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7517
 */
import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type JsonWebKey,
  type KeyObject,
  X509Certificate,
} from 'node:crypto'
import { BuiltinError } from '../../builtins-api.js'
import { isArray, isObject, type ObjectValue, objectGet, toJson, type Value } from '../../value.js'
import { decodeBase64Url } from '../go/base64.js'
import { unmarshalJson } from '../json.js'
import { ALGORITHMS } from './algorithms.js'
import { decodePem } from './pem.js'

export interface Key {
  readonly alg: string
  readonly kid: string
  readonly key: KeyObject
}

const MAX_CACHED = 100
const cache = new Map<string, readonly Key[]>()

/** @throws BuiltinError when the text is neither PEM nor JWK */
export function verificationKeys(text: string): readonly Key[] {
  const known = cache.get(text)
  if (known !== undefined) return known
  const keys = parseKeys(text)
  if (cache.size >= MAX_CACHED) cache.delete(cache.keys().next().value as string)
  cache.set(text, keys)
  return keys
}

function parseKeys(text: string): readonly Key[] {
  const block = decodePem(text)
  if (block === undefined) return parseJwks(text, 'failed to parse a JWK key (set): ')
  if (block.rest !== '') throw new BuiltinError('extra data after a PEM certificate block')
  if (block.type === 'CERTIFICATE') {
    const certificate = attempt(() => new X509Certificate(block.text), 'failed to parse a PEM certificate: ')
    return [{ alg: '', kid: '', key: certificate.publicKey }]
  }
  if (block.type === 'PUBLIC KEY') {
    const key = attempt(() => createPublicKey(block.text), 'failed to parse a PEM public key: ')
    return [{ alg: '', kid: '', key }]
  }
  throw new BuiltinError('failed to extract a Key from the PEM certificate')
}

/** Runs what throws on bad input, and says so in OPA's words; the library's own may show the key. */
function attempt<Result>(run: () => Result, message: string): Result {
  try {
    return run()
  } catch {
    throw new BuiltinError(`${message}malformed input`)
  }
}

/** All keys of a JWK or JWK set; keys for algorithms that are not known are left out. */
export function parseJwks(text: string, message: string): readonly Key[] {
  let parsed: Value
  try {
    parsed = unmarshalJson(text)
  } catch (error) {
    if (error instanceof BuiltinError) throw new BuiltinError(`${message}${error.message}`)
    throw error
  }
  if (!isObject(parsed)) throw new BuiltinError(`${message}not a JSON object`)
  const listed = objectGet(parsed, 'keys')
  const jwks = listed !== undefined && isArray(listed) ? listed : [parsed]
  return jwks
    .map((jwk) => {
      if (!isObject(jwk)) throw new BuiltinError(`${message}key is not a JSON object`)
      return { alg: member(jwk, 'alg'), kid: member(jwk, 'kid'), key: attempt(() => keyOfJwk(jwk), message) }
    })
    .filter(({ alg }) => alg === '' || ALGORITHMS.has(alg))
}

function member(object: ObjectValue, name: string): string {
  const value = objectGet(object, name)
  return typeof value === 'string' ? value : ''
}

function keyOfJwk(jwk: ObjectValue): KeyObject {
  if (member(jwk, 'kty') === 'oct') return createSecretKey(decodeBase64Url(member(jwk, 'k')))
  const key = toJson(jwk) as JsonWebKey
  return objectGet(jwk, 'd') === undefined
    ? createPublicKey({ key, format: 'jwk' })
    : createPrivateKey({ key, format: 'jwk' })
}
