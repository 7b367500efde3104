import type { FastifyBaseLogger, FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { type HttpAnswer, sendAnswer } from './answer.js'
import { OAuthError, oauthErrorAnswer } from './oauth-error.js'
import { notFound, ProblemError, problemAnswer } from './problem.js'
import { withoutValues } from './without-values.js'

/** The app's error handler. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return sendAnswer(reply, errorAnswer(error, request.id, request.log))
}

/** Whatever was thrown as an answer with a stable code, in which nothing of it is repeated. */
export function errorAnswer(error: unknown, requestId: string, log: Pick<FastifyBaseLogger, 'error'>): HttpAnswer {
  if (error instanceof OAuthError) return oauthErrorAnswer(error, requestId)
  const problem = toProblem(error)
  if (problem.status >= 500) log.error({ err: withoutValues(error), code: problem.code }, 'a request failed')
  return problemAnswer(problem, requestId)
}

/** The problem that any thrown value amounts to. */
export function toProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error
  const { code, statusCode } = (typeof error === 'object' && error !== null ? error : {}) as Partial<FastifyError>
  if (typeof code === 'string') {
    const known = FASTIFY_PROBLEMS[code] ?? databaseProblem(code)
    if (known !== undefined) return known
  }
  if (error instanceof Error && LOST_CONNECTION.test(error.message)) return BUSY
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new ProblemError(statusCode, 'invalid_request', 'the request is malformed')
  }
  return new ProblemError(500, 'internal_error', 'the service failed; its log names this request id')
}

const FASTIFY_PROBLEMS: { readonly [code: string]: ProblemError } = {
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: new ProblemError(
    400,
    'invalid_content_length',
    'the body is not Content-Length bytes long',
  ),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: new ProblemError(415, 'unsupported_media_type', 'send the body as application/json'),
  FST_ERR_CTP_INVALID_TYPE: new ProblemError(415, 'unsupported_media_type', 'send the body as application/json'),
  FST_ERR_CTP_BODY_TOO_LARGE: new ProblemError(413, 'body_too_large', 'the body is larger than this route takes'),
  FST_ERR_BAD_URL: new ProblemError(400, 'invalid_url', 'the path holds a malformed percent-encoding'),
  FST_ERR_MAX_PARAM_LENGTH: notFound(),
}

const BUSY = new ProblemError(503, 'temporarily_unavailable', 'the store is busy or cannot be reached; try again', {
  headers: { 'retry-after': '1' },
})

// @see https://www.postgresql.org/docs/current/errcodes-appendix.html
function databaseProblem(code: string): ProblemError | undefined {
  if (/^(?:08|53|57)[0-9A-Z]{3}$/.test(code) || RETRYABLE.has(code)) return BUSY
  if (code === '23505')
    return new ProblemError(409, 'already_exists', 'something with the same unique value exists already')
  if (/^22[0-9A-Z]{3}$/.test(code)) return new ProblemError(400, 'invalid_value', 'a value cannot be stored')
  return undefined
}

// Serialization, deadlock, lock not available, read-only server; and the connection itself.
const RETRYABLE: ReadonlySet<string> = new Set([
  '40001',
  '40P01',
  '55P03',
  '25006',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOENT',
  'ETIMEDOUT',
])

// What `pg` says, without a code, when a connection breaks under a query or cannot be had.
const LOST_CONNECTION = /^(?:Connection terminated|Client has encountered a connection error|timeout exceeded when )/
