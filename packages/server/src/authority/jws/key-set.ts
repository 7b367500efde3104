import { createPublicKey, type KeyObject } from 'node:crypto'
import type { JwkSet } from '../../store/tables.js'
import { fitsAlgorithm, verifySignature } from './algorithms.js'
import type { CompactJws } from './compact.js'

/** Keys that may verify a signature, ready for use. */
export interface KeySet {
  readonly keys: readonly VerificationKey[]
}

interface VerificationKey {
  readonly kid: string | undefined
  readonly alg: string | undefined
  readonly kty: string
  readonly crv: string | undefined
  readonly key: KeyObject
}

const MOST_KEYS = 64
/** How many keys are tried for a token that does not name one. */
const MOST_TRIED = 4

const imported = new WeakMap<JwkSet, KeySet>()

/** The usable public keys of a JWK set, imported once for each set object. */
export function keySetOf(jwks: JwkSet): KeySet {
  let set = imported.get(jwks)
  if (set === undefined) {
    set = { keys: jwks.keys.slice(0, MOST_KEYS).flatMap(importJwk) }
    imported.set(jwks, set)
  }
  return set
}

/**
 * A JWK as a verification key; nothing for keys of another purpose, another kind, or too weak. Only the public members
 * are read, so a private key pasted by mistake serves as its public half.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7517#section-4
 */
function importJwk(jwk: { readonly [member: string]: unknown }): VerificationKey[] {
  if (typeof jwk !== 'object' || jwk === null) return []
  const { kid, alg, kty, crv, x, y, n, e, use, key_ops: operations } = jwk
  if (use !== undefined && use !== 'sig') return []
  if (Array.isArray(operations) && !operations.includes('verify')) return []
  if (typeof kty !== 'string') return []
  try {
    const key = createPublicKey({ key: { kty, crv, x, y, n, e } as never, format: 'jwk' })
    const bits = key.asymmetricKeyDetails?.modulusLength
    if (bits !== undefined && (bits < 2048 || bits > 8192)) return []
    return [{ kid: optionalString(kid), alg: optionalString(alg), kty, crv: optionalString(crv), key }]
  } catch {
    return []
  }
}

function optionalString(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** The keys of a set that a token could have been signed with: by its `kid` if it names one, by its algorithm always. */
export function candidateKeys(set: KeySet, jws: { alg: string; kid: string | undefined }): readonly VerificationKey[] {
  return set.keys.filter(
    (key) =>
      (jws.kid === undefined || key.kid === jws.kid) &&
      (key.alg === undefined || key.alg === jws.alg) &&
      fitsAlgorithm(jws.alg, key.kty, key.crv),
  )
}

/** Whether one of the set's keys made the token's signature. */
export async function verifyWith(set: KeySet, jws: CompactJws): Promise<boolean> {
  for (const candidate of candidateKeys(set, jws).slice(0, MOST_TRIED)) {
    if (await verifySignature(jws.alg, candidate.key, jws.signingInput, jws.signature)) return true
  }
  return false
}
