import { hash } from 'node:crypto'
import { type Aal, isAal, maxAal, TOKEN_TYPES } from '@countersign/protocol'
import { type AalMapping, subjectKey } from '../../store/tables.js'
import type { IssuerKeys } from '../issuer-keys/issuer-keys.js'
import { type Claims, type CompactJws, MAX_TOKEN_LENGTH, parseCompact } from '../jws/compact.js'
import { candidateKeys, type KeySet, verifyWith } from '../jws/key-set.js'
import { RememberedTokens } from '../jws/remembered-tokens.js'
import type { SubjectIssuer, ZoneSnapshot } from '../snapshot.js'

export interface SubjectTokenRequest {
  readonly snapshot: ZoneSnapshot
  /** Who presents it. */
  readonly applicationId: string
  readonly token: string
  /** `subject_token_type` or `actor_token_type`. */
  readonly tokenType: string
  /** Milliseconds. */
  readonly now: number
  readonly issuerKeys: IssuerKeys
}

/** What a trusted issuer says of a user. Instants in milliseconds. */
export interface VerifiedSubject {
  readonly issuer: SubjectIssuer
  readonly sub: string
  readonly claims: Claims
  /** The issuer's own session. */
  readonly sid: string | undefined
  readonly acr: string | null
  readonly amr: readonly string[]
  /** What `acr` and `amr` amount to by the issuer's mapping; `aal1` when it maps neither. */
  readonly aal: Aal
  readonly authTime: number | null
  readonly issuedAt: number
  readonly expiresAt: number
  /**
   * SHA-256 of the token without its signature. Anyone can respell an ECDSA signature, so a hash over it too would
   * let one token pass for two.
   */
  readonly tokenHash: Buffer
  /** What finds the session of this token with the application that showed it last. */
  sessionKey: { readonly applicationId: string; readonly key: string } | undefined
}

export type SubjectTokenResult =
  | { readonly kind: 'verified'; readonly subject: VerifiedSubject }
  | { readonly kind: 'failed'; readonly reason: SubjectTokenFailure }

/** `keys_unavailable` may pass: the issuer does not answer. Everything else is the token's fault. */
export type SubjectTokenFailure =
  | 'too_long'
  | 'unsupported_token_type'
  | 'malformed'
  | 'untrusted_issuer'
  | 'wrong_audience'
  | 'application_not_allowed'
  | 'wrong_type'
  | 'missing_claims'
  | 'subject_too_long'
  | 'expired'
  | 'from_the_future'
  | 'keys_unavailable'
  | 'unknown_key'
  | 'bad_signature'

/** How far an issuer's clock may be from ours, in milliseconds. */
const SKEW = 60_000
const LONGEST_SUBJECT = 512
/** Of issuer and subject together, as a row of an index can hold them beside what else is in it. In bytes. */
const LONGEST_IDENTITY = 2_000

interface Remembered {
  readonly tokenType: string
  readonly subject: VerifiedSubject
  readonly keys: KeySet
}

const verified = new RememberedTokens<Remembered>()

/**
 * Verifies a trusted issuer's token for the application that presents it. Tokens that verified are remembered until
 * the issuer's row or keys change; the time and the application are looked at each time.
 *
 * @returns at once for a remembered token, otherwise when the signature has been verified off the main thread
 * @see https://www.rfc-editor.org/rfc/rfc7519#section-7.2
 * @see https://www.rfc-editor.org/rfc/rfc8725
 */
export function verifySubjectToken(request: SubjectTokenRequest): SubjectTokenResult | Promise<SubjectTokenResult> {
  const { snapshot, token, tokenType, issuerKeys, now } = request
  if (token.length > MAX_TOKEN_LENGTH) return failed('too_long')
  if (!TYPES_OF.has(tokenType)) return failed('unsupported_token_type')
  const remembered = verified.get(token)
  if (remembered?.tokenType !== tokenType) return verifyAnew(request)
  const { issuer } = remembered.subject
  // The row of an issuer is one zone's, so a token remembered for another zone does not stand here.
  const stands = snapshot.issuers.get(issuer.issuer)?.includes(issuer) === true
  const keys = issuerKeys.current(issuer, now)
  if (!stands || keys !== remembered.keys) return verifyAnew(request)
  if (!isAllowed(issuer, request.applicationId)) return failed('application_not_allowed')
  return remembered.subject.expiresAt + SKEW > now
    ? { kind: 'verified', subject: remembered.subject }
    : failed('expired')
}

async function verifyAnew(request: SubjectTokenRequest): Promise<SubjectTokenResult> {
  const { token, tokenType, now, issuerKeys } = request
  const jws = parseCompact(token)
  if (jws === undefined) return failed('malformed')
  if (TYPES_OF.get(tokenType)?.has(jws.typ) !== true || Object.hasOwn(jws.claims, 'events')) return failed('wrong_type')
  const issuer = trustedIssuer(request, jws.claims)
  if (typeof issuer === 'string') return failed(issuer)
  const subject = readSubject(issuer, jws, now)
  if (typeof subject === 'string') return failed(subject)

  let keys = await issuerKeys.current(issuer, now)
  if (keys === undefined) return failed('keys_unavailable')
  if (candidateKeys(keys, jws).length === 0) {
    keys = await issuerKeys.refetched(issuer, now)
    if (keys === undefined) return failed('keys_unavailable')
    if (candidateKeys(keys, jws).length === 0) return failed('unknown_key')
  }
  if (!(await verifyWith(keys, jws))) return failed('bad_signature')
  verified.set(token, { tokenType, subject, keys })
  return { kind: 'verified', subject }
}

// Logout tokens and security events carry `events`: they name a user too, and must not log anyone in.
const TYPES_OF: ReadonlyMap<string, ReadonlySet<string | undefined>> = new Map([
  [TOKEN_TYPES.idToken, new Set([undefined, 'jwt'])],
  [TOKEN_TYPES.jwt, new Set([undefined, 'jwt', 'at+jwt'])],
])

function trustedIssuer(request: SubjectTokenRequest, claims: Claims): SubjectIssuer | SubjectTokenFailure {
  const { iss, aud } = claims
  const named = typeof iss === 'string' ? request.snapshot.issuers.get(iss) : undefined
  if (named === undefined || named.length === 0) return 'untrusted_issuer'
  const audience = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud
  const addressed = named.filter((issuer) => issuer.audience === audience)
  if (addressed.length === 0) return 'wrong_audience'
  return addressed.find((issuer) => isAllowed(issuer, request.applicationId)) ?? 'application_not_allowed'
}

function isAllowed(issuer: SubjectIssuer, applicationId: string): boolean {
  return issuer.applications === null || issuer.applications.includes(applicationId)
}

function readSubject(issuer: SubjectIssuer, jws: CompactJws, now: number): VerifiedSubject | SubjectTokenFailure {
  const { claims } = jws
  const { sub, sid, acr } = claims
  const expiresAt = instant(claims.exp)
  const issuedAt = instant(claims.iat)
  if (typeof sub !== 'string' || sub === '' || sub.length > LONGEST_SUBJECT) return 'missing_claims'
  if (Buffer.byteLength(subjectKey(issuer.issuer, sub)) > LONGEST_IDENTITY) return 'subject_too_long'
  if (expiresAt === undefined || issuedAt === undefined) return 'missing_claims'
  if (expiresAt + SKEW <= now) return 'expired'
  const authTime = instant(claims.auth_time)
  const notBefore = claims.nbf === undefined ? issuedAt : instant(claims.nbf)
  if (notBefore === undefined) return 'missing_claims'
  if (Math.max(issuedAt, notBefore, authTime ?? 0) > now + SKEW) return 'from_the_future'
  const amr = Array.isArray(claims.amr)
    ? claims.amr.filter((method): method is string => typeof method === 'string')
    : []
  return {
    issuer,
    sub,
    claims,
    sid: typeof sid === 'string' && sid !== '' ? sid : undefined,
    acr: typeof acr === 'string' ? acr : null,
    amr,
    aal: mappedAal(issuer.aal, acr, amr),
    authTime: authTime ?? null,
    issuedAt,
    expiresAt,
    tokenHash: hash('sha256', jws.signingInput, 'buffer'),
    sessionKey: undefined,
  }
}

// A date beyond what Date can hold is no date.
const LAST_INSTANT = 8.64e15

function instant(seconds: unknown): number | undefined {
  if (typeof seconds !== 'number') return undefined
  const milliseconds = Math.trunc(seconds * 1000)
  return milliseconds >= 0 && milliseconds <= LAST_INSTANT ? milliseconds : undefined
}

function mappedAal(mapping: AalMapping, acr: unknown, amr: readonly string[]): Aal {
  let aal: Aal = 'aal1'
  const raise = (levels: { readonly [value: string]: Aal } | undefined, value: string): void => {
    const level: unknown = levels?.[value]
    if (isAal(level)) aal = maxAal(aal, level)
  }
  if (typeof acr === 'string') raise(mapping.acr, acr)
  for (const method of amr) raise(mapping.amr, method)
  return aal
}

const failed = (reason: SubjectTokenFailure): SubjectTokenResult => ({ kind: 'failed', reason })
