import { type Aal, isAal, JWT_BEARER, TOKEN_EXCHANGE, TOKEN_TYPES } from '@countersign/protocol'
import { readClientId, readZoneId } from '../authority/caller/fields.js'
import { MAX_TOKEN_LENGTH } from '../authority/jws/compact.js'
import { type Form, field } from '../http/form.js'
import { IDEMPOTENCY_KEY_RULE, isIdempotencyKey } from '../http/idempotency.js'
import { OAuthError } from '../http/oauth-error.js'
import { isId } from '../store/ids.js'
import type { TokenForm } from './schemas.js'

/** A token someone presents, with the type they say it has. */
export interface PresentedToken {
  readonly token: string
  readonly type: TokenType
}

export type TokenType = 'access_token' | 'jwt' | 'id_token'

/** How the token types are written on the wire. @see https://www.rfc-editor.org/rfc/rfc8693#section-3 */
export const TOKEN_TYPE_URIS: { readonly [type in TokenType]: string } = {
  access_token: TOKEN_TYPES.accessToken,
  jwt: TOKEN_TYPES.jwt,
  id_token: TOKEN_TYPES.idToken,
}

/** A request of the token endpoint, well-formed and nothing more: no word in it is believed yet. */
export interface TokenRequest {
  readonly zoneId: string
  readonly clientId: string | undefined
  readonly authorization: string | undefined
  readonly clientSecret: string | undefined
  readonly assertion: { readonly type: string; readonly value: string } | undefined
  readonly subject: PresentedToken | undefined
  readonly actor: PresentedToken | undefined
  /** Sorted, each once. */
  readonly resources: readonly string[]
  /** Sorted, each once. */
  readonly scopes: readonly string[]
  readonly sessionId: string | undefined
  readonly agentSessionId: string | undefined
  readonly delegationEdgeId: string | undefined
  readonly challenge: { readonly id: string; readonly response: string } | undefined
  readonly ttlSeconds: number | undefined
  readonly requestedTokenType: 'access_token' | 'jwt'
  /** A session-mandate request that asks for a stronger or fresher session. */
  readonly raise: { readonly aal: Aal | undefined; readonly maxAge: number | undefined } | undefined
  readonly idempotencyKey: string | undefined
}

const MOST_RESOURCES = 16
const MOST_SCOPES = 64
const MOST_RESOURCE_CHARACTERS = 2048
const MOST_SCOPE_CHARACTERS = 256
const MOST_SECONDS = 86_400

// RFC 6749 appendix A.4: printable ASCII without space, quote and backslash.
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/**
 * Reads a form as a token request.
 *
 * @throws OAuthError that names the field at fault and never repeats its value
 * @see https://www.rfc-editor.org/rfc/rfc8693#section-2.1
 */
export function parseTokenRequest(from: {
  readonly form: Form
  readonly pathZoneId: string | undefined
  readonly authorization: string | undefined
  readonly idempotencyKey: string | undefined
}): TokenRequest {
  const { form } = from
  const one = (name: keyof typeof TokenForm.properties) => field(form, name)
  const grantType = one('grant_type')
  if (grantType === undefined) throw new OAuthError('invalid_request', 'grant_type is missing')
  if (grantType !== TOKEN_EXCHANGE)
    throw new OAuthError('unsupported_grant_type', `grant_type must be ${TOKEN_EXCHANGE}`)
  // A target that is passed over would be left out of the mandate, or make it one for the session (RFC 8693 section 2.2.2).
  if (one('audience') !== undefined)
    throw new OAuthError('invalid_target', 'name each target by resource, not by audience')
  const resources = readResources(form.get('resource') ?? [])
  return {
    zoneId: readZoneId(form, from.pathZoneId),
    clientId: readClientId(form),
    authorization: from.authorization,
    clientSecret: one('client_secret'),
    assertion: readAssertion(one('client_assertion'), one('client_assertion_type')),
    subject: readToken('subject_token', one('subject_token'), one('subject_token_type')),
    actor: readActor(readToken('actor_token', one('actor_token'), one('actor_token_type'))),
    resources,
    scopes: readScopes(one('scope')),
    sessionId: readId('session_id', one('session_id')),
    agentSessionId: readId('agent_session_id', one('agent_session_id')),
    delegationEdgeId: readId('delegation_edge_id', one('delegation_edge_id')),
    challenge: readChallenge(one('challenge_id'), one('challenge_response')),
    ttlSeconds: readSeconds('ttl_seconds', one('ttl_seconds'), 1),
    requestedTokenType: readRequestedType(one('requested_token_type')),
    raise: readRaise(one('acr_values'), one('max_age'), resources),
    idempotencyKey: readIdempotencyKey(from.idempotencyKey),
  }
}

function refuse(description: string): never {
  throw new OAuthError('invalid_request', description)
}

function readToken(name: string, token: string | undefined, type: string | undefined): PresentedToken | undefined {
  if (token === undefined) {
    if (type !== undefined) refuse(`${name}_type is given without ${name}`)
    return undefined
  }
  if (token.length > MAX_TOKEN_LENGTH) refuse(`${name} is longer than 8 KiB`)
  if (type === undefined) refuse(`${name}_type is missing`)
  if (type === TOKEN_TYPES.accessToken) return { token, type: 'access_token' }
  if (type === TOKEN_TYPES.jwt) return { token, type: 'jwt' }
  if (type === TOKEN_TYPES.idToken) return { token, type: 'id_token' }
  refuse(`${name}_type must be access_token, jwt or id_token, as a URN`)
}

function readActor(actor: PresentedToken | undefined): PresentedToken | undefined {
  if (actor?.type === 'id_token') refuse('actor_token must be a session mandate')
  return actor
}

function readAssertion(value: string | undefined, type: string | undefined) {
  if (value === undefined && type === undefined) return undefined
  if (value === undefined || type === undefined)
    refuse('client_assertion and client_assertion_type must be given together')
  if (type !== JWT_BEARER) refuse(`client_assertion_type must be ${JWT_BEARER}`)
  if (value.length > MAX_TOKEN_LENGTH) refuse('client_assertion is longer than 8 KiB')
  return { type, value }
}

function readResources(values: readonly string[]): readonly string[] {
  if (values.length > MOST_RESOURCES)
    throw new OAuthError('invalid_target', `at most ${MOST_RESOURCES} resources may be named`)
  for (const value of values) {
    if (value.length > MOST_RESOURCE_CHARACTERS || !isResourceIndicator(value)) {
      throw new OAuthError('invalid_target', 'a resource must be an absolute URI without a fragment')
    }
  }
  return [...new Set(values)].sort()
}

// RFC 8707 section 2. The identifier is compared as text, so it is only looked at here, never rewritten.
function isResourceIndicator(value: string): boolean {
  return /^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/i.test(value) && !value.includes('#')
}

function readScopes(value: string | undefined): readonly string[] {
  const scopes = [...new Set((value ?? '').split(' ').filter((scope) => scope !== ''))].sort()
  if (scopes.length > MOST_SCOPES) throw new OAuthError('invalid_scope', `at most ${MOST_SCOPES} scopes may be named`)
  for (const scope of scopes) {
    if (scope.length > MOST_SCOPE_CHARACTERS || !SCOPE_TOKEN.test(scope)) {
      throw new OAuthError('invalid_scope', 'a scope must be printable ASCII without quotes and backslashes')
    }
  }
  return scopes
}

function readId(name: string, value: string | undefined): string | undefined {
  if (value !== undefined && !isId(value)) refuse(`${name} is not an id of this service`)
  return value
}

function readChallenge(id: string | undefined, response: string | undefined) {
  if (id === undefined && response === undefined) return undefined
  if (id === undefined || response === undefined) refuse('challenge_id and challenge_response must be given together')
  if (id.length > 64 || response.length > 256) refuse('challenge_id or challenge_response is too long')
  return { id, response }
}

function readSeconds(name: string, value: string | undefined, least: number): number | undefined {
  if (value === undefined) return undefined
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN
  if (!(seconds >= least)) refuse(`${name} must be a whole number of seconds, at least ${least}`)
  return Math.min(seconds, MOST_SECONDS)
}

function readRequestedType(value: string | undefined): 'access_token' | 'jwt' {
  if (value === undefined || value === TOKEN_TYPES.accessToken) return 'access_token'
  if (value === TOKEN_TYPES.jwt) return 'jwt'
  refuse('requested_token_type must be access_token or jwt')
}

function readRaise(acrValues: string | undefined, maxAge: string | undefined, resources: readonly string[]) {
  if (acrValues === undefined && maxAge === undefined) return undefined
  if (resources.length > 0) refuse('acr_values and max_age raise a session; they cannot be given with a resource')
  // Any of the levels asked for will do, so the weakest is what is needed.
  const levels = (acrValues ?? '').split(' ').filter((value) => value !== '')
  if (!levels.every(isAal)) refuse('acr_values may name aal1, aal2 and aal3')
  return { aal: levels.filter(isAal).sort()[0], maxAge: readSeconds('max_age', maxAge, 0) }
}

function readIdempotencyKey(value: string | undefined): string | undefined {
  if (value !== undefined && !isIdempotencyKey(value)) refuse(IDEMPOTENCY_KEY_RULE)
  return value
}
