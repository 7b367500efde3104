import { JWT_BEARER, TOKEN_EXCHANGE, TOKEN_TYPES } from '@countersign/protocol'
import { CountersignError } from './errors.js'
import type { ChallengeProof } from './interaction-required-error.js'

/** The kinds of token an exchange takes, by the last part of their URN (RFC 8693 section 3). */
export type TokenKind = 'jwt' | 'access_token' | 'id_token'

/** A signed assertion, or how to get one. Each is good for one request, so only a function can be retried. */
export type ClientAssertion = string | (() => string | Promise<string>)

/** How an application proves itself: with one of the two. Without either the service answers `invalid_client`. */
export interface ClientCredentials {
  readonly clientSecret?: string | undefined
  readonly clientAssertion?: ClientAssertion | undefined
}

/** What an exchange may ask for beside its subject and resource. */
export interface ExchangeOptions extends ClientCredentials {
  readonly scopes?: readonly string[] | undefined
  /** Default `jwt`, which fits a session mandate and a trusted issuer's token alike. */
  readonly subjectTokenType?: TokenKind | undefined
  readonly actorToken?: string | undefined
  readonly actorTokenType?: TokenKind | undefined
  readonly sessionId?: string | undefined
  readonly agentSessionId?: string | undefined
  readonly delegationEdgeId?: string | undefined
  /** The life to ask for, in seconds. The service may give less. */
  readonly ttlSeconds?: number | undefined
  readonly requestedTokenType?: Exclude<TokenKind, 'id_token'> | undefined
  /** Without a resource: raise the session to this level (`aal2`). */
  readonly acrValues?: string | undefined
  /** Without a resource: the authentication may be at most this many seconds old. */
  readonly maxAge?: number | undefined
  /** The pause this exchange resumes: the error, or what was kept of it. */
  readonly challenge?: ChallengeProof | undefined
  /** `false`: neither read nor fill the token cache. */
  readonly cache?: boolean | undefined
  /** The longest this call may take in all, in milliseconds. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** An exchange in its final form: everything that is sent but the credentials, in a fixed order. */
export interface ExchangeRequest {
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly credentials: ClientCredentials
  /** Two requests share a key exactly when the service is asked the same by the same caller. */
  readonly key: string
  readonly cacheable: boolean
  /** Whether it changes the session that other mandates rest on. */
  readonly raises: boolean
}

/**
 * Checks and normalises an exchange. Resources and scopes are sorted and unique, as the service binds them.
 *
 * @throws CountersignError `invalid_option`.
 */
export function exchangeRequest(
  zoneId: string,
  applicationId: string,
  subjectToken: string | undefined,
  resource: string | readonly string[] | undefined,
  options: ExchangeOptions,
): ExchangeRequest {
  const resources = unique(resource === undefined ? [] : typeof resource === 'string' ? [resource] : resource)
  const raises = options.acrValues !== undefined || options.maxAge !== undefined
  if (raises && resources.length > 0) {
    throw invalid(
      'acrValues and maxAge raise a session: leave the resource out, then exchange the raised session mandate.',
    )
  }
  if (subjectToken === '') throw invalid('The subject token is empty; pass undefined to act as the application itself.')
  const { clientSecret, clientAssertion } = options
  if (clientSecret !== undefined && clientAssertion !== undefined) {
    throw invalid('An application proves itself with clientSecret or clientAssertion, not with both.')
  }
  const fields: [string, string][] = [
    ['grant_type', TOKEN_EXCHANGE],
    ['zone_id', zoneId],
    ['application_id', applicationId],
  ]
  const add = (name: string, value: string | number | undefined) => {
    if (value !== undefined) fields.push([name, String(value)])
  }
  add('subject_token', subjectToken)
  add('subject_token_type', subjectToken && tokenType(options.subjectTokenType ?? 'jwt'))
  add('actor_token', options.actorToken)
  add('actor_token_type', options.actorToken && tokenType(options.actorTokenType ?? 'jwt'))
  for (const one of resources) add('resource', one)
  add('scope', options.scopes?.length ? unique(options.scopes).join(' ') : undefined)
  add('session_id', options.sessionId)
  add('agent_session_id', options.agentSessionId)
  add('delegation_edge_id', options.delegationEdgeId)
  add('ttl_seconds', options.ttlSeconds)
  add('requested_token_type', options.requestedTokenType && tokenType(options.requestedTokenType))
  add('acr_values', options.acrValues)
  add('max_age', options.maxAge)
  add('challenge_id', options.challenge?.challengeId)
  add('challenge_response', options.challenge?.challengeSecret)
  const credentials = { clientSecret, clientAssertion }
  return {
    fields,
    credentials,
    key: JSON.stringify([fields, credentialKey(credentials)]),
    // What a step-up paid for is spent by the call that paid: the next sensitive call must ask again.
    cacheable: options.challenge === undefined && !raises && options.cache !== false,
    raises,
  }
}

/** The form body of one attempt, with fresh credentials. */
export async function exchangeBody(request: ExchangeRequest): Promise<string> {
  const { clientSecret, clientAssertion } = request.credentials
  const fields = [...request.fields]
  if (clientSecret !== undefined) fields.push(['client_secret', clientSecret])
  if (clientAssertion !== undefined) {
    fields.push(['client_assertion_type', JWT_BEARER])
    fields.push(['client_assertion', typeof clientAssertion === 'function' ? await clientAssertion() : clientAssertion])
  }
  return fields.map(([name, value]) => `${name}=${encode(value)}`).join('&')
}

function tokenType(kind: TokenKind): string {
  return { jwt: TOKEN_TYPES.jwt, access_token: TOKEN_TYPES.accessToken, id_token: TOKEN_TYPES.idToken }[kind]
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)].sort()
}

// A lone surrogate makes encodeURIComponent throw; it cannot be part of anything the service knows.
function encode(value: string): string {
  try {
    return encodeURIComponent(value)
  } catch {
    throw invalid('A value of the exchange is not well-formed text.')
  }
}

const assertionIds = new WeakMap<() => unknown, number>()
let assertions = 0

// A function's assertions differ each time but stand for one application key: its identity is what matters.
function credentialKey({ clientSecret, clientAssertion }: ClientCredentials): unknown {
  if (typeof clientAssertion !== 'function') return [clientSecret, clientAssertion]
  const known = assertionIds.get(clientAssertion)
  if (known !== undefined) return [clientSecret, known]
  assertions += 1
  assertionIds.set(clientAssertion, assertions)
  return [clientSecret, assertions]
}

function invalid(message: string): CountersignError {
  return new CountersignError('invalid_option', message)
}
