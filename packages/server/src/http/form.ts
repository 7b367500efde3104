import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { IsArray, type TObject } from 'typebox'
import { OAuthError } from './oauth-error.js'

/** The fields of a form: every value of a name, in order. Fields without a value are as if they were not sent. */
export type Form = ReadonlyMap<string, readonly string[]>

export const FORM = 'application/x-www-form-urlencoded'
const BODY_LIMIT = 64 * 1024

/** The fields that a form is known to have, and those of them that may be given more than once. */
export interface FormFields {
  readonly known: ReadonlySet<string>
  readonly repeatable: ReadonlySet<string>
}

/** The fields that a schema describes: its members, of which lists may be given more than once. */
export function fieldsOf({ properties }: TObject): FormFields {
  const known = Object.keys(properties)
  return { known: new Set(known), repeatable: new Set(known.filter((name) => IsArray(properties[name]))) }
}

/**
 * Reads a form body strictly. What browsers would guess about is refused: a malformed escape, bytes that are not
 * UTF-8, a NUL, a field given twice.
 *
 * @throws OAuthError `invalid_request`
 * @example
 * ```ts
 * parseForm('scope=read+write&resource=a&resource=b', fieldsOf(TokenForm)) // Map { 'scope' => ['read write'], 'resource' => ['a', 'b'] }
 * ```
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-3.2
 */
export function parseForm(body: string, fields: FormFields): Map<string, string[]> {
  const form = new Map<string, string[]>()
  const empty = new Set<string>()
  if (body === '') return form
  for (const pair of body.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decode(equals === -1 ? pair : pair.slice(0, equals))
    const value = equals === -1 ? '' : decode(pair.slice(equals + 1))
    const values = form.get(name)
    if ((values !== undefined || empty.has(name)) && !fields.repeatable.has(name)) {
      throw new OAuthError('invalid_request', `${nameable(name, fields)} is given more than once`)
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
function nameable(name: string, { known }: FormFields): string {
  return known.has(name) ? `the field ${name}` : 'a field'
}

/**
 * Makes forms the only bodies that this plugin's routes take. Other media types, other charsets and compressed bodies
 * are 415, more than 64 KiB is 413; `answerOAuthError` words both.
 */
export function registerFormParser(app: FastifyInstance, fields: FormFields): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    FORM,
    { parseAs: 'buffer', bodyLimit: BODY_LIMIT },
    async (request: FastifyRequest, body: Buffer) => readForm(request.headers, body, fields),
  )
}

/**
 * Reads the body of a request as a form.
 *
 * @throws OAuthError `invalid_request`
 */
export function readForm(headers: IncomingHttpHeaders, body: Buffer, fields: FormFields): Form {
  if (!isPlainUtf8(headers))
    throw new OAuthError('invalid_request', 'the form must be sent as plain UTF-8', { status: 415 })
  if (!isUtf8(body)) throw new OAuthError('invalid_request', 'the form is not UTF-8')
  return parseForm(body.toString('utf8'), fields)
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
