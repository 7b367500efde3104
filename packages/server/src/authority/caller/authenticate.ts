import { JWT_BEARER } from '@countersign/protocol'
import type { Application, ZoneSnapshot } from '../snapshot.js'
import type { BasicCredentials } from './basic.js'
import { type AssertionFailure, type AssertionUse, isSignedBy, readAssertion } from './client-assertion.js'
import { isClientSecret } from './client-secret.js'

/** The `kind` under which an assertion's `jti` is recorded in `once_values`, wherever it is used. */
export const ONCE_ASSERTION = 'client_assertion'

/** Everything a request carries that could say which application it comes from. */
export interface CallerCredentials {
  readonly snapshot: ZoneSnapshot
  readonly basic?: BasicCredentials | 'malformed' | undefined
  readonly clientId?: string | undefined
  readonly clientSecret?: string | undefined
  readonly assertion?: string | undefined
  readonly assertionType?: string | undefined
  /** The zone's issuer: the one audience of an assertion. */
  readonly issuer: string
  /** Milliseconds. */
  readonly now: number
}

export type CallerResult =
  | { readonly kind: 'authenticated'; readonly application: Application; readonly once?: AssertionUse }
  | CallerFailure

/** Why the caller is not authenticated: what to answer, and the reason for the audit, which the caller is not told. */
export interface CallerFailure {
  readonly kind: 'failed'
  readonly error: 'invalid_client' | 'invalid_request'
  readonly message: string
  readonly reason: CallerFailureReason
}

export type CallerFailureReason =
  | 'no_credentials'
  | 'several_methods'
  | 'malformed_basic'
  | 'client_id_mismatch'
  | 'assertion_type'
  | 'unknown_application'
  | 'wrong_method'
  | 'wrong_secret'
  | AssertionFailure

/**
 * Says which application a request comes from. Whoever acts on an answer that has `once` records it in the same
 * transaction, under {@link ONCE_ASSERTION}, and refuses when it is there already.
 *
 * @returns at once for a secret, later for an assertion
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-2.3
 * @example
 * ```ts
 * const caller = await authenticateCaller({ snapshot, basic: parseBasic(header), issuer, now })
 * if (caller.kind === 'failed') throw new OAuthError(caller.error, caller.message)
 * ```
 */
export function authenticateCaller(credentials: CallerCredentials): CallerResult | Promise<CallerResult> {
  const { basic, clientId, clientSecret, assertion, assertionType } = credentials
  if (basic === 'malformed') return badRequest('malformed_basic', 'the Authorization header is not HTTP Basic')
  const asserts = assertion !== undefined || assertionType !== undefined
  const methods = Number(basic !== undefined) + Number(clientSecret !== undefined) + Number(asserts)
  if (methods > 1) return badRequest('several_methods', 'more than one way of client authentication is used')
  if (basic !== undefined) {
    if (clientId !== undefined && clientId !== basic.id) return MISMATCH
    return bySecret(credentials, basic.id, basic.secret)
  }
  if (clientSecret !== undefined && clientId !== undefined) return bySecret(credentials, clientId, clientSecret)
  if (asserts) return byAssertion(credentials)
  return {
    kind: 'failed',
    error: 'invalid_client',
    reason: 'no_credentials',
    message: 'client authentication is required: HTTP Basic, client_id with client_secret, or client_assertion',
  }
}

function bySecret({ snapshot, now }: CallerCredentials, id: string, secret: string): CallerResult {
  const application = snapshot.applications.get(id)
  const right = isClientSecret(application, secret, now)
  if (application === undefined) return denied('unknown_application')
  if (application.authMethod !== 'client_secret') return denied('wrong_method')
  return right ? { kind: 'authenticated', application } : denied('wrong_secret')
}

function byAssertion(credentials: CallerCredentials): CallerResult | Promise<CallerResult> {
  const { snapshot, clientId, assertion, assertionType, issuer, now } = credentials
  if (assertion === undefined || assertionType !== JWT_BEARER) {
    return badRequest('assertion_type', `client_assertion goes with client_assertion_type ${JWT_BEARER}`)
  }
  const claimed = readAssertion(assertion, issuer, now)
  if (typeof claimed === 'string') return denied(claimed)
  if (clientId !== undefined && clientId !== claimed.applicationId) return MISMATCH
  const application = snapshot.applications.get(claimed.applicationId)
  if (application === undefined) return denied('unknown_application')
  if (application.authMethod !== 'private_key_jwt') return denied('wrong_method')
  return isSignedBy(application, claimed).then((signed) =>
    signed ? { kind: 'authenticated', application, once: claimed.use } : denied('assertion_signature'),
  )
}

const MISMATCH: CallerFailure = {
  kind: 'failed',
  error: 'invalid_request',
  reason: 'client_id_mismatch',
  message: 'client_id names another application than the credentials do',
}

function badRequest(reason: CallerFailureReason, message: string): CallerFailure {
  return { kind: 'failed', error: 'invalid_request', reason, message }
}

// What the client may learn about its own assertion; whether an application exists stays unsaid.
const HINTS: { readonly [reason in CallerFailureReason]?: string } = {
  assertion_malformed: 'the assertion is not a signed JWT of at most 8 KiB',
  assertion_algorithm: 'the assertion must be signed with ES256, ES384, RS256, PS256 or EdDSA',
  assertion_subject: 'the assertion must have the client_id as its iss and its sub',
  assertion_audience: "the assertion must have the zone's issuer as its only audience",
  assertion_expired: 'the assertion has no exp, or has expired',
  assertion_lives_too_long: 'the assertion may expire at most 5 minutes from now',
  assertion_from_the_future: 'the assertion has an nbf or iat in the future',
  assertion_jti: 'the assertion must have a jti of at most 256 characters',
}

function denied(reason: CallerFailureReason): CallerFailure {
  const hint = HINTS[reason]
  const message = hint === undefined ? 'client authentication failed' : `client authentication failed: ${hint}`
  return { kind: 'failed', error: 'invalid_client', reason, message }
}
