/** `crypto.x509.parse_rsa_private_key` (any private key, as JWK) and `crypto.parse_private_keys` (as Go shows them). */
import { createPrivateKey, type JsonWebKey } from 'node:crypto'
import { type Builtin, BuiltinError, builtin, stringOperand, T } from '../builtins-api.js'
import { fromJson, RegoObject, type Value } from '../value.js'
import { decodeBase64, encodeBase64 } from './go/base64.js'
import { fromBytes, hex } from './go/bytes.js'
import { decodePem } from './jwt/pem.js'
import { integer } from './operands.js'

const PRIVATE_KEYS = ['RSA PRIVATE KEY', 'PRIVATE KEY', 'EC PRIVATE KEY']

/** The private keys of PEM text, or of base64 of it. */
function privateKeys(text: string): readonly JsonWebKey[] {
  const keys: JsonWebKey[] = []
  let block = decodePem(unwrapped(text))
  for (; block !== undefined; block = decodePem(block.rest)) {
    if (PRIVATE_KEYS.includes(block.type)) keys.push(exportKey(block.text))
  }
  return keys
}

function unwrapped(text: string): string {
  try {
    return fromBytes(decodeBase64(text, 'standard'))
  } catch (error) {
    if (error instanceof BuiltinError) return text
    throw error
  }
}

/** The library's error may show the key, so it stays here. */
function exportKey(pem: string): JsonWebKey {
  try {
    return createPrivateKey(pem).export({ format: 'jwk' })
  } catch {
    throw new BuiltinError('failed to parse private key')
  }
}

function bytesOf(text: string | undefined): Uint8Array {
  return Buffer.from(text ?? '', 'base64url')
}

function numberOf(text: string | undefined): Value {
  return integer(BigInt(`0x${hex(bytesOf(text)) || '0'}`))
}

/** The fields of Go's `rsa.PrivateKey`, `ecdsa.PrivateKey` and `ed25519.PrivateKey`. */
function shown(key: JsonWebKey): Value {
  if (key.kty === 'RSA') {
    const precomputed = new RegoObject()
      .set('Dp', numberOf(key.dp))
      .set('Dq', numberOf(key.dq))
      .set('Qinv', numberOf(key.qi))
      .set('CRTValues', [])
    return new RegoObject()
      .set('N', numberOf(key.n))
      .set('E', numberOf(key.e))
      .set('D', numberOf(key.d))
      .set('Primes', [numberOf(key.p), numberOf(key.q)])
      .set('Precomputed', precomputed)
  }
  if (key.kty === 'EC') {
    return new RegoObject()
      .set('Curve', new RegoObject())
      .set('X', numberOf(key.x))
      .set('Y', numberOf(key.y))
      .set('D', numberOf(key.d))
  }
  return encodeBase64(Buffer.concat([bytesOf(key.d), bytesOf(key.x)]), 'standard', true)
}

export const privateKeyBuiltins: readonly Builtin[] = [
  builtin('crypto.x509.parse_rsa_private_key', [T.string], T.object(T.string, T.any), (_, operand) => {
    const text = stringOperand(operand, 1)
    if (text === '') throw new BuiltinError('input PEM data was empty')
    const pem = text.startsWith('-----BEGIN') ? text : fromBytes(decodeBase64(text, 'standard'))
    const [key] = privateKeys(pem)
    return key === undefined ? null : fromJson(key)
  }),
  builtin('crypto.parse_private_keys', [T.string], T.array(T.object(T.string, T.any)), (_, operand) => {
    const text = stringOperand(operand, 1)
    return text === '' ? null : privateKeys(text).map(shown)
  }),
]
