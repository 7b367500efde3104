import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { OAuthError } from './oauth-error.js'

/** The fields of a form: every value of a name, in order. Fields without a value are as if they were not sent. */
export type Form = ReadonlyMap<string, readonly string[]>

export const FORM = 'application/x-www-form-urlencoded'
const BODY_LIMIT = 64 * 1024

/** The only fields that may be given more than once (RFC 8693 section 2.1). */
const REPEATABLE: ReadonlySet<string> = new Set(['resource', 'audience'])

/**
 * Reads a form body strictly. What browsers would guess about is refused: a malformed escape, bytes that are not
 * UTF-8, a NUL, a field given twice.
 *
 * @throws OAuthError `invalid_request`
 * @example
 * ```ts
 * parseForm('scope=read+write&resource=a&resource=b') // Map { 'scope' => ['read write'], 'resource' => ['a', 'b'] }
 * ```
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-3.2
 */
export function parseForm(body: string): Map<string, string[]> {
  const form = new Map<string, string[]>()
  const empty = new Set<string>()
  if (body === '') return form
  for (const pair of body.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decode(equals === -1 ? pair : pair.slice(0, equals))
    const value = equals === -1 ? '' : decode(pair.slice(equals + 1))
    const values = form.get(name)
    if ((values !== undefined || empty.has(name)) && !REPEATABLE.has(name)) {
      throw new OAuthError('invalid_request', `${nameable(name)} is given more than once`)
    }
    if (value === '') empty.add(name)
    else if (values === undefined) form.set(name, [value])
    else values.push(value)
  }
  return form
}

function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  let decoded = spaced
  if (spaced.includes('%')) {
    try {
      decoded = decodeURIComponent(spaced)
    } catch {
      throw new OAuthError('invalid_request', 'the form holds a malformed percent-encoding, or one that is not UTF-8')
    }
  }
  if (decoded.includes('\0')) throw new OAuthError('invalid_request', 'the form holds a NUL character')
  return decoded
}

// A name that was sent is shown only when it cannot be a secret that slipped into its place.
function nameable(name: string): string {
  return KNOWN.has(name) ? `the field ${name}` : 'a field'
}

const KNOWN: ReadonlySet<string> = new Set([
  'grant_type',
  'zone_id',
  'application_id',
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'scope',
  'session_id',
  'agent_session_id',
  'delegation_edge_id',
  'challenge_id',
  'challenge_response',
  'ttl_seconds',
  'requested_token_type',
  'acr_values',
  'max_age',
  'token',
  'token_type_hint',
])

/**
 * Makes forms the only bodies that this plugin's routes take. Other media types, other charsets and compressed bodies
 * are 415, more than 64 KiB is 413; `answerOAuthError` words both.
 */
export function registerFormParser(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    FORM,
    { parseAs: 'buffer', bodyLimit: BODY_LIMIT },
    async (request: FastifyRequest, body: Buffer) => readForm(request.headers, body),
  )
}

/**
 * Reads the body of a request as a form.
 *
 * @throws OAuthError `invalid_request`
 */
export function readForm(headers: IncomingHttpHeaders, body: Buffer): Form {
  if (!isPlainUtf8(headers))
    throw new OAuthError('invalid_request', 'the form must be sent as plain UTF-8', { status: 415 })
  if (!isUtf8(body)) throw new OAuthError('invalid_request', 'the form is not UTF-8')
  return parseForm(body.toString('utf8'))
}

function isPlainUtf8(headers: IncomingHttpHeaders): boolean {
  const encoding = headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') return false
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(headers['content-type'] ?? '')?.[1]
  return charset === undefined || /^(?:utf-?8|us-ascii)$/i.test(charset)
}

/**
 * The form of a request whose plugin called {@link registerFormParser}.
 *
 * @throws OAuthError `invalid_request` for a query string, which would put credentials into logs
 */
export function formOf(request: FastifyRequest): Form {
  if (request.url.includes('?'))
    throw new OAuthError('invalid_request', 'parameters belong in the body, not in the URL')
  return request.body instanceof Map ? (request.body as Form) : EMPTY
}

const EMPTY: Form = new Map()

/** The value of a field that is given at most once. */
export function field(form: Form, name: string): string | undefined {
  return form.get(name)?.[0]
}
