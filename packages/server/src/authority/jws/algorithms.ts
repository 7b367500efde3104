import { constants, type KeyObject, verify } from 'node:crypto'
import { verifyEs256 } from '../../signature/es256.js'

interface Algorithm {
  /** The digest; null where the algorithm has its own. */
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null
  readonly kty: 'EC' | 'RSA' | 'OKP'
  readonly crv?: string
  readonly padding?: number
  /** Length of a signature, where it is fixed. */
  readonly bytes?: number
}

const ES256 = 'ES256'
const PKCS1 = constants.RSA_PKCS1_PADDING
const PSS = constants.RSA_PKCS1_PSS_PADDING

/**
 * The asymmetric signature algorithms that are verified. There is no symmetric one and no `none` to confuse them with.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7518#section-3.1
 * @see https://www.rfc-editor.org/rfc/rfc8037#section-3.1
 */
const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map<string, Algorithm>([
  [ES256, { hash: 'sha256', kty: 'EC', crv: 'P-256', bytes: 64 }],
  ['ES384', { hash: 'sha384', kty: 'EC', crv: 'P-384', bytes: 96 }],
  ['ES512', { hash: 'sha512', kty: 'EC', crv: 'P-521', bytes: 132 }],
  ['RS256', { hash: 'sha256', kty: 'RSA', padding: PKCS1 }],
  ['RS384', { hash: 'sha384', kty: 'RSA', padding: PKCS1 }],
  ['RS512', { hash: 'sha512', kty: 'RSA', padding: PKCS1 }],
  ['PS256', { hash: 'sha256', kty: 'RSA', padding: PSS }],
  ['PS384', { hash: 'sha384', kty: 'RSA', padding: PSS }],
  ['PS512', { hash: 'sha512', kty: 'RSA', padding: PSS }],
  ['EdDSA', { hash: null, kty: 'OKP', crv: 'Ed25519', bytes: 64 }],
])

/** Whether a key of this type and curve is one for the algorithm. */
export function fitsAlgorithm(alg: string, kty: string, crv: string | undefined): boolean {
  const algorithm = ALGORITHMS.get(alg)
  return algorithm !== undefined && algorithm.kty === kty && (algorithm.crv === undefined || algorithm.crv === crv)
}

/**
 * Verifies a signature off the main thread. The key must fit the algorithm ({@link fitsAlgorithm}); `input` is
 * what a JWS signs, so ASCII.
 *
 * @returns false for a signature that does not verify, whatever is wrong with it
 */
export function verifySignature(alg: string, key: KeyObject, input: string, signature: Buffer): Promise<boolean> {
  const algorithm = ALGORITHMS.get(alg)
  if (algorithm === undefined) return Promise.resolve(false)
  if (algorithm.bytes !== undefined && signature.length !== algorithm.bytes) return Promise.resolve(false)
  if (alg === ES256) return verifyEs256(key, input, signature)
  const verifyKey =
    algorithm.padding === undefined
      ? { key, dsaEncoding: 'ieee-p1363' as const }
      : { key, padding: algorithm.padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
  return new Promise((resolve) => {
    verify(algorithm.hash, Buffer.from(input), verifyKey, signature, (error, valid) => resolve(error === null && valid))
  })
}
