import type { OAuthErrorCode } from '@countersign/protocol'
import type { FastifyBaseLogger, FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { type HttpAnswer, NO_STORE, sendAnswer } from './answer.js'
import { withoutValues } from './without-values.js'

const STATUS: { readonly [code in OAuthErrorCode]: number } = {
  invalid_request: 400,
  invalid_client: 401,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  invalid_grant: 400,
  invalid_scope: 400,
  invalid_target: 400,
  access_denied: 403,
  interaction_required: 401,
  slow_down: 429,
  temporarily_unavailable: 503,
}

export interface OAuthErrorOptions {
  /** When the code's usual status is not the one: 413, 415, a failed proof's 401. */
  readonly status?: number
  /** Seconds until a retry can succeed. */
  readonly retryAfter?: number
}

// RFC 6749 section 5.2 allows printable ASCII without the quote and the backslash.
const NOT_DESCRIPTION = /[^\x20-\x21\x23-\x5b\x5d-\x7e]/g

/**
 * An error of the token endpoint and its neighbours, thrown anywhere beneath their routes. The description is for
 * the developer who reads it; it never repeats what was sent.
 *
 * @example
 * ```ts
 * throw new OAuthError('invalid_target', 'no_such_resource: a requested resource is not registered in this zone')
 * ```
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-5.2
 */
export class OAuthError extends Error {
  override readonly name = 'OAuthError'
  readonly error: OAuthErrorCode
  readonly description: string
  readonly status: number
  readonly headers: { readonly [name: string]: string }

  constructor(error: OAuthErrorCode, description: string, options: OAuthErrorOptions = {}) {
    super(`${error}: ${description}`)
    this.error = error
    this.description = description.replace(NOT_DESCRIPTION, "'")
    this.status = options.status ?? STATUS[error]
    const headers: { [name: string]: string } = {}
    if (this.status === 401) headers['www-authenticate'] = authenticateHeader(error)
    if (options.retryAfter !== undefined) headers['retry-after'] = String(Math.max(1, Math.ceil(options.retryAfter)))
    this.headers = headers
  }
}

/** Any error of the token endpoint and its neighbours. */
export const OAuthErrorView = Type.Object(
  {
    error: Type.String({ description: 'A registered code; what programs act on.' }),
    error_description: Type.Optional(Type.String({ description: 'A reason code, and words for people.' })),
    requestId: Type.String(),
  },
  { description: 'An OAuth error (RFC 6749 section 5.2).' },
)

// HTTP wants the header on every 401; RFC 6749 wants the scheme that the client could have used.
function authenticateHeader(error: OAuthErrorCode): string {
  return error === 'invalid_client' ? 'Basic realm="countersign", charset="UTF-8"' : `Bearer error="${error}"`
}

/** The answer for an OAuth error: its members, the request's id, and no caching. */
export function oauthErrorAnswer(error: OAuthError, requestId: string): HttpAnswer {
  return {
    status: error.status,
    headers: { ...NO_STORE, ...error.headers },
    json: JSON.stringify({ error: error.error, error_description: error.description, requestId }),
  }
}

/**
 * The error handler of a plugin whose routes speak OAuth: `app.setErrorHandler(answerOAuthError)`.
 */
export function answerOAuthError(
  error: FastifyError | OAuthError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  return sendAnswer(reply, oauthFailure(error, request.id, request.log))
}

/**
 * Whatever was thrown as the answer of an OAuth endpoint. What is neither an OAuth error nor the client's fault is logged and
 * becomes a passing failure: an exchange that broke may be tried again, and nothing was issued.
 */
export function oauthFailure(error: unknown, requestId: string, log: Pick<FastifyBaseLogger, 'error'>): HttpAnswer {
  return oauthErrorAnswer(toOAuthError(error, log), requestId)
}

function toOAuthError(error: unknown, log: Pick<FastifyBaseLogger, 'error'>): OAuthError {
  if (error instanceof OAuthError) return error
  const { statusCode: status } = (error instanceof Error ? error : {}) as Partial<FastifyError>
  if (status !== undefined && status >= 400 && status < 500) {
    return new OAuthError('invalid_request', CLIENT_FAULTS[status] ?? 'the request is malformed', { status })
  }
  log.error({ err: withoutValues(error) }, 'a request of the token endpoint family failed')
  return new OAuthError('temporarily_unavailable', 'the service cannot answer now; try again', { retryAfter: 1 })
}

const CLIENT_FAULTS: { readonly [status: number]: string } = {
  413: 'the body is larger than 64 KiB',
  415: 'the body must be application/x-www-form-urlencoded in UTF-8, without a content encoding',
}
