/**
 * `io.jwt.*`: decoding, verifying and making JSON Web Tokens.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7519
 */
import { createSecretKey } from 'node:crypto'
import { type Builtin, type BuiltinContext, builtin, objectOperand, stringOperand, T } from '../builtins-api.js'
import { objectGet, RegoObject, type Value } from '../value.js'
import { decodeBase64Url } from './go/base64.js'
import { hex, toBytes } from './go/bytes.js'
import { jsonText } from './go/json-text.js'
import { verifySignature } from './jwt/algorithms.js'
import { claimsHold, isSigned, readConstraints } from './jwt/constraints.js'
import { type Key, verificationKeys } from './jwt/keys.js'
import { encodeAndSign } from './jwt/sign.js'
import { decodeHeader, decodePart, jsonObject, readHeader, signedBytes, splitToken } from './jwt/token.js'
import { given, textMeter } from './operands.js'

/** A verification is much more work than a step of the evaluator. */
const VERIFICATION_STEPS = 500

/** Header, payload and signature in hexadecimal; of a token within a token the inner one's. */
function decode(operand: Value | undefined): Value {
  const token = splitToken(operand)
  const header = decodeHeader(token)
  const payload = decodePart(token.payload, 'JWT payload had invalid encoding: ')
  if (objectGet(header, 'cty') === 'JWT') return decode(payload.replace(/^["']+|["']+$/g, ''))
  const claims = jsonObject(payload)
  const signature = toBytes(decodePart(token.signature, 'JWT signature had invalid encoding: '))
  return [header, claims, hex(signature)]
}

/** With a public key, a certificate or a set of keys; the algorithm is the function's, not the token's. */
function verifyWithKeys(
  context: BuiltinContext,
  alg: string,
  jwt: Value | undefined,
  keys: Value | undefined,
): boolean {
  const token = splitToken(jwt)
  const candidates = verificationKeys(stringOperand(keys, 2))
  const signature = decodeBase64Url(token.signature)
  const header = readHeader(decodeHeader(token))
  const data = signedBytes(token)
  const verifies = ({ key }: Key): boolean => {
    context.charge(VERIFICATION_STEPS)
    return key.type === 'public' && verifySignature(alg, key, data, signature)
  }
  const named = header.kid === '' ? undefined : candidates.find((key) => key.kid === header.kid)
  if (named !== undefined) return verifies(named)
  return candidates.some((key) => (key.alg === '' || key.alg === header.alg) && verifies(key))
}

function verifyWithSecret(alg: string, jwt: Value | undefined, secret: Value | undefined): boolean {
  stringOperand(jwt, 1)
  const key = createSecretKey(toBytes(stringOperand(secret, 2)))
  const token = splitToken(jwt)
  return verifySignature(alg, key, signedBytes(token), decodeBase64Url(token.signature))
}

function decodeVerify(context: BuiltinContext, jwt: Value | undefined, operand: Value | undefined): Value {
  const unverified = [false, new RegoObject(), new RegoObject()]
  const constraints = readConstraints(objectOperand(operand, 2), context.nowNs)
  let nested = jwt
  for (;;) {
    context.charge(VERIFICATION_STEPS)
    const token = splitToken(nested)
    const header = readHeader(decodeHeader(token))
    if (!header.acceptable) return unverified
    if (constraints.alg !== '' && constraints.alg !== header.alg) return unverified
    const signature = decodeBase64Url(token.signature)
    if (!isSigned(constraints, token, header, signature)) return unverified
    const payload = decodePart(token.payload, 'JWT payload had invalid encoding: ')
    if (header.cty.toUpperCase() === 'JWT') {
      nested = payload
      continue
    }
    const claims = jsonObject(payload)
    return claimsHold(constraints, claims) ? [true, header.fields, claims] : unverified
  }
}

const anyObject = T.object(T.any, T.any)
const namedObject = T.object(T.string, T.any)

function verifier(name: string, alg: string): Builtin {
  return builtin(`io.jwt.verify_${name}`, [T.string, T.string], T.boolean, (context, jwt, key) =>
    alg.startsWith('HS') ? verifyWithSecret(alg, jwt, key) : verifyWithKeys(context, alg, jwt, key),
  )
}

export const jwt: readonly Builtin[] = [
  ...['RS', 'PS', 'ES', 'HS'].flatMap((family) =>
    ['256', '384', '512'].map((size) => verifier(`${family.toLowerCase()}${size}`, `${family}${size}`)),
  ),
  verifier('eddsa', 'EdDSA'),
  builtin('io.jwt.decode', [T.string], T.tuple(anyObject, anyObject, T.string), (_, token) => decode(token)),
  builtin('io.jwt.decode_verify', [T.string, namedObject], T.tuple(T.boolean, anyObject, anyObject), decodeVerify),
  builtin(
    'io.jwt.encode_sign',
    [namedObject, namedObject, namedObject],
    T.string,
    (context, header, payload, key) => {
      context.charge(VERIFICATION_STEPS)
      const text = (value: Value | undefined): string => jsonText(given(value), textMeter(context))
      return encodeAndSign(text(header), text(payload), text(key))
    },
    { impure: 'random' },
  ),
  builtin(
    'io.jwt.encode_sign_raw',
    [T.string, T.string, T.string],
    T.string,
    (context, header, payload, key) => {
      context.charge(VERIFICATION_STEPS)
      const jwk = stringOperand(key, 3)
      return encodeAndSign(stringOperand(header, 1), stringOperand(payload, 2), jwk)
    },
    { impure: 'random' },
  ),
]
