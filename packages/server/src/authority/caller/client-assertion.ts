import { createHash } from 'node:crypto'
import { type CompactJws, parseCompact } from '../jws/compact.js'
import { keySetOf, verifyWith } from '../jws/key-set.js'
import type { Application } from '../snapshot.js'

/** The algorithms a client assertion may be signed with, as the metadata announces them. */
export const ASSERTION_ALGORITHMS = ['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA'] as const

/** The longest life of an assertion, counted from when it is seen, and from when it says it was issued. In milliseconds. */
const LONGEST_LIFE = 5 * 60 * 1000
const LONGEST_JTI = 256
/** How far ahead of ours a client's clock may be, and how far back a client that fears so may date. In milliseconds. */
const SKEW = 60 * 1000

const ALGORITHMS: ReadonlySet<string> = new Set(ASSERTION_ALGORITHMS)
const TYPES: ReadonlySet<string | undefined> = new Set([undefined, 'jwt', 'client-authentication+jwt'])

/** What must be recorded, once, for an assertion to count. */
export interface AssertionUse {
  /** SHA-256 over the application and its `jti`. */
  readonly jtiHash: Buffer
  /** From when the assertion is refused for its age anyway, in milliseconds. */
  readonly expiresAt: number
}

export type AssertionFailure =
  | 'assertion_malformed'
  | 'assertion_algorithm'
  | 'assertion_audience'
  | 'assertion_subject'
  | 'assertion_expired'
  | 'assertion_lives_too_long'
  | 'assertion_from_the_future'
  | 'assertion_jti'
  | 'assertion_signature'

/** An assertion that says the right things, by the application it says it is from; its signature is still to be verified. */
export interface ClaimedAssertion {
  readonly applicationId: string
  readonly jws: CompactJws
  readonly use: AssertionUse
}

/**
 * Reads what an assertion claims, before anyone looks whether the application exists: the answer to a wrong claim then
 * tells nothing about that.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7523#section-3
 */
export function readAssertion(assertion: string, issuer: string, now: number): ClaimedAssertion | AssertionFailure {
  const jws = parseCompact(assertion)
  if (jws === undefined) return 'assertion_malformed'
  const { iss, sub, aud, exp, nbf, iat, jti } = jws.claims
  if (!ALGORITHMS.has(jws.alg) || !TYPES.has(jws.typ)) return 'assertion_algorithm'
  if (typeof sub !== 'string' || iss !== sub) return 'assertion_subject'
  if (aud !== issuer && !(Array.isArray(aud) && aud.length === 1 && aud[0] === issuer)) return 'assertion_audience'
  if (typeof exp !== 'number' || exp * 1000 <= now) return 'assertion_expired'
  const issued = typeof iat === 'number' ? iat * 1000 + SKEW : now
  if (exp * 1000 > Math.min(now, issued) + LONGEST_LIFE) return 'assertion_lives_too_long'
  if (!isPast(nbf, now) || !isPast(iat, now)) return 'assertion_from_the_future'
  if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_JTI) return 'assertion_jti'
  const jtiHash = createHash('sha256').update(sub).update('\0').update(jti).digest()
  return { applicationId: sub, jws, use: { jtiHash, expiresAt: Math.ceil(exp * 1000) } }
}

/** Whether an assertion is signed by the application that it names. */
export async function isSignedBy(application: Application, claimed: ClaimedAssertion): Promise<boolean> {
  return application.jwks !== null && (await verifyWith(keySetOf(application.jwks), claimed.jws))
}

function isPast(time: unknown, now: number): boolean {
  return time === undefined || (typeof time === 'number' && time * 1000 <= now + SKEW)
}
