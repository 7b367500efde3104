import { TokenError } from './token-error.js'

/** The signature algorithms this package knows, by their JOSE name. */
export type Algorithm = 'ES256' | 'ES384' | 'RS256' | 'PS256' | 'EdDSA'

/** A public key as an issuer publishes it. @see https://www.rfc-editor.org/rfc/rfc7517#section-4 */
export type Jwk = JsonWebKey & { readonly kid?: string }

/** What there is to check about one signature. */
export interface SignatureInput {
  readonly algorithm: Algorithm
  readonly key: Jwk
  readonly data: Uint8Array<ArrayBuffer>
  readonly signature: Uint8Array<ArrayBuffer>
}

/** Checks one signature. Hand one in where the platform has no WebCrypto, in React Native for instance. */
export type SignatureVerifier = (input: SignatureInput) => boolean | Promise<boolean>

interface Suite {
  readonly kty: string
  readonly crv?: string
  readonly signatureBytes?: number
  readonly parameters: {
    readonly name: string
    readonly hash?: string
    readonly namedCurve?: string
    readonly saltLength?: number
  }
}

const SUITES: { readonly [name in Algorithm]: Suite } = {
  ES256: {
    kty: 'EC',
    crv: 'P-256',
    signatureBytes: 64,
    parameters: { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' },
  },
  ES384: {
    kty: 'EC',
    crv: 'P-384',
    signatureBytes: 96,
    parameters: { name: 'ECDSA', hash: 'SHA-384', namedCurve: 'P-384' },
  },
  RS256: { kty: 'RSA', parameters: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } },
  PS256: { kty: 'RSA', parameters: { name: 'RSA-PSS', hash: 'SHA-256', saltLength: 32 } },
  EdDSA: { kty: 'OKP', crv: 'Ed25519', signatureBytes: 64, parameters: { name: 'Ed25519' } },
}

// The modulus of a 2048-bit key in base64url; a shorter one is no longer safe (RFC 7518 section 3.3).
const SHORTEST_MODULUS = 342

/** Whether a value names an algorithm this package knows. `none` is not one. */
export function isAlgorithm(value: unknown): value is Algorithm {
  return Object.keys(SUITES).some((name) => name === value)
}

/** Whether a published key may verify signatures of this algorithm: the key's own words decide, not only the token's. */
export function fits(key: Jwk, algorithm: Algorithm): boolean {
  const { kty, crv } = SUITES[algorithm]
  return (
    key.kty === kty &&
    (crv === undefined || key.crv === crv) &&
    (key.alg === undefined || key.alg === algorithm || (algorithm === 'EdDSA' && key.alg === 'Ed25519')) &&
    (key.use === undefined || key.use === 'sig') &&
    (key.key_ops === undefined || key.key_ops.includes('verify')) &&
    (kty !== 'RSA' || (key.n ?? '').length >= SHORTEST_MODULUS)
  )
}

/** Whether a signature has the only length its algorithm gives it. */
export function hasFittingLength(signature: Uint8Array, algorithm: Algorithm): boolean {
  const { signatureBytes } = SUITES[algorithm]
  return signatureBytes === undefined || signature.length === signatureBytes
}

const imported = new WeakMap<Jwk, Promise<CryptoKey>>()

/**
 * Checks a signature with WebCrypto. Each key is imported once.
 *
 * @throws TokenError `crypto_unavailable` where there is no WebCrypto, or none that knows the algorithm.
 */
export const webCryptoVerifier: SignatureVerifier = async ({ algorithm, key, data, signature }) => {
  const subtle = globalThis.crypto?.subtle
  if (!subtle) {
    throw new TokenError(
      'crypto_unavailable',
      'This platform has no WebCrypto: pass a `verifier` that checks signatures.',
    )
  }
  const { parameters } = SUITES[algorithm]
  try {
    let ready = imported.get(key)
    if (!ready) {
      ready = subtle.importKey('jwk', publicPart(key), parameters, false, ['verify'])
      imported.set(key, ready)
    }
    return await subtle.verify(parameters, await ready, signature, data)
  } catch (cause) {
    if (!isUnsupported(cause)) return false
    throw new TokenError(
      'crypto_unavailable',
      `This platform's WebCrypto does not know ${algorithm}: pass a \`verifier\`.`,
      cause,
    )
  }
}

// Members such as `use` and `key_ops` were judged already, and platforms differ in what they accept of them.
function publicPart({ kty, crv, x, y, n, e }: Jwk): JsonWebKey {
  return Object.fromEntries(Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined))
}

function isUnsupported(cause: unknown): boolean {
  return cause instanceof Error && cause.name === 'NotSupportedError'
}
