/**
 * The algorithms of JWS.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7518#section-3.1
 */
import { constants, createHmac, type KeyObject, sign, timingSafeEqual, verify } from 'node:crypto'

interface Algorithm {
  readonly kind: 'hmac' | 'rsa' | 'pss' | 'ec' | 'ed'
  readonly hash: string | null
}

export const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map([
  ...(['256', '384', '512'] as const).flatMap((size): [string, Algorithm][] => [
    [`HS${size}`, { kind: 'hmac', hash: `sha${size}` }],
    [`RS${size}`, { kind: 'rsa', hash: `sha${size}` }],
    [`PS${size}`, { kind: 'pss', hash: `sha${size}` }],
    [`ES${size}`, { kind: 'ec', hash: `sha${size}` }],
  ]),
  ['EdDSA', { kind: 'ed', hash: null }],
])

const KEY_TYPES: Readonly<Record<Algorithm['kind'], string | undefined>> = {
  hmac: undefined,
  rsa: 'rsa',
  pss: 'rsa',
  ec: 'ec',
  ed: 'ed25519',
}

/** False as well when the key is not one for this algorithm. */
export function verifySignature(name: string, key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  const algorithm = ALGORITHMS.get(name)
  if (algorithm === undefined || key.asymmetricKeyType !== KEY_TYPES[algorithm.kind]) return false
  if (algorithm.kind === 'hmac') {
    const expected = createHmac(algorithm.hash as string, key)
      .update(data)
      .digest()
    return expected.length === signature.length && timingSafeEqual(expected, signature)
  }
  try {
    return verify(algorithm.hash, data, { key, ...options(algorithm, constants.RSA_PSS_SALTLEN_AUTO) }, signature)
  } catch {
    // A signature or key that the library refuses to look at proves nothing.
    return false
  }
}

/** Undefined when the key is not one to sign with this algorithm. */
export function signData(name: string, key: KeyObject, data: Uint8Array): Uint8Array | undefined {
  const algorithm = ALGORITHMS.get(name)
  if (algorithm === undefined || key.asymmetricKeyType !== KEY_TYPES[algorithm.kind] || key.type === 'public')
    return undefined
  if (algorithm.kind === 'hmac')
    return createHmac(algorithm.hash as string, key)
      .update(data)
      .digest()
  try {
    return sign(algorithm.hash, data, { key, ...options(algorithm, constants.RSA_PSS_SALTLEN_DIGEST) })
  } catch {
    return undefined
  }
}

function options({ kind }: Algorithm, saltLength: number): object {
  if (kind === 'pss') return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }
  return kind === 'ec' ? { dsaEncoding: 'ieee-p1363' } : {}
}
