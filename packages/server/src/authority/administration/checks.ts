import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { ProblemError } from '../../http/problem.js'
import { fetchableUrl } from '../../outbound/fetchable-url.js'
import type { JwkSet } from '../../store/tables.js'

/** A request whose form is right and whose meaning is not: 422. */
export function unprocessable(code: string, detail: string): ProblemError {
  return new ProblemError(422, code, detail)
}

/**
 * Reads a time that must lie ahead.
 *
 * @throws ProblemError 422 `expires_in_past`
 */
export function futureInstant(text: string, now: number): Date {
  const at = Date.parse(text)
  if (!(at > now)) throw unprocessable('expires_in_past', 'expires_at must be a time that lies ahead')
  return new Date(at)
}

/**
 * Reads an absolute URL.
 *
 * @throws ProblemError 422 `invalid_url`, naming the field
 */
export function absoluteUrl(text: string, field: string): URL {
  if (!URL.canParse(text)) throw unprocessable('invalid_url', `${field} must be an absolute URL`)
  return new URL(text)
}

/**
 * Checks a URL that the service itself will fetch.
 *
 * @throws ProblemError 422 `invalid_url`, `insecure_url`
 */
export function checkFetchable(text: string, field: string, allowPrivateAddresses: boolean): void {
  const verdict = fetchableUrl(text, allowPrivateAddresses)
  if (verdict === 'fetchable') return
  const without = verdict === 'invalid_url' ? ' without credentials or fragment' : ''
  throw unprocessable(verdict, `${field} must be an absolute https URL${without}`)
}

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const KEY_TYPES: ReadonlySet<string | undefined> = new Set(['ec', 'rsa', 'rsa-pss', 'ed25519'])

/**
 * Checks that every key of a set is a public key that can be used, and that no private part was sent along.
 *
 * @throws ProblemError 422 `private_key_sent`, `invalid_jwks`
 */
export function checkJwks(jwks: JwkSet): void {
  for (const [index, jwk] of jwks.keys.entries()) {
    if (PRIVATE_MEMBERS.some((member) => member in jwk)) {
      throw unprocessable('private_key_sent', `jwks.keys[${index}] holds a private part; send the public key alone`)
    }
    if (!isUsable(jwk as JsonWebKey)) {
      throw unprocessable(
        'invalid_jwks',
        `jwks.keys[${index}] is not a public EC, RSA (2048 bits or more) or Ed25519 key`,
      )
    }
  }
}

function isUsable(jwk: JsonWebKey): boolean {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey({ key: jwk, format: 'jwk' })
    return KEY_TYPES.has(asymmetricKeyType) && (asymmetricKeyDetails?.modulusLength ?? 2048) >= 2048
  } catch {
    return false
  }
}
