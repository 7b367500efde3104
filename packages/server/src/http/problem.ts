import { STATUS_CODES } from 'node:http'
import type { Problem } from '@countersign/protocol'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type HttpAnswer, NO_STORE, sendAnswer } from './answer.js'

/** One of several faults of a request: where, and what is wrong there. */
export interface ProblemDetail {
  readonly message: string
  readonly [member: string]: unknown
}

export interface ProblemOptions {
  readonly errors?: readonly ProblemDetail[] | undefined
  readonly headers?: { readonly [name: string]: string } | undefined
}

/**
 * An answer that is not a success, thrown anywhere beneath the administration's routes. `code` is stable and what
 * programs act on; `detail` is for people and never repeats a value that was sent.
 *
 * @example
 * ```ts
 * throw new ProblemError(409, 'slug_taken', 'another zone has this slug; choose another')
 * ```
 * @see https://www.rfc-editor.org/rfc/rfc9457
 */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly errors: readonly ProblemDetail[] | undefined
  readonly headers: { readonly [name: string]: string }
  /** What Fastify and other error handlers call the status; Fastify writes it. */
  readonly statusCode: number

  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail?: string,
    options: ProblemOptions = {},
  ) {
    super(detail === undefined ? code : `${code}: ${detail}`)
    this.errors = options.errors
    this.headers = options.headers ?? {}
    this.statusCode = status
  }
}

/** The one answer for what does not exist, is another zone's, or was deleted: nobody can tell which. */
export function notFound(): ProblemError {
  return new ProblemError(404, 'not_found', 'nothing is here, or nothing you may see')
}

/** The answer with a problem's details. */
export function problemAnswer(error: ProblemError, requestId: string): HttpAnswer {
  const problem: Problem = {
    type: 'about:blank',
    title: STATUS_CODES[error.status] ?? 'Error',
    status: error.status,
    code: error.code,
    ...(error.detail !== undefined && { detail: error.detail }),
    requestId,
    ...(error.errors !== undefined && { errors: error.errors }),
  }
  const headers = { ...NO_STORE, 'content-type': 'application/problem+json; charset=utf-8', ...error.headers }
  return { status: error.status, headers, json: JSON.stringify(problem) }
}

/** Sends problem details. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, error: ProblemError): FastifyReply {
  return sendAnswer(reply, problemAnswer(error, request.id))
}
