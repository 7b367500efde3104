import type { FastifyRequest } from 'fastify'
import { ProblemError } from './problem.js'

/** The entity tag of a row at a version. */
export function etagOf(version: number | string): string {
  return `"${version}"`
}

/**
 * Holds a change to the version its author saw, when the request has `If-Match`.
 *
 * @throws ProblemError 412 `version_mismatch`
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1
 */
export function checkIfMatch(request: FastifyRequest, version: number | string): void {
  const given = request.headers['if-match']
  if (given === undefined || given.trim() === '*') return
  const tags = given.split(',').map((tag) => tag.trim())
  if (!tags.includes(etagOf(version))) {
    throw new ProblemError(412, 'version_mismatch', 'it has changed since the version in If-Match; read it again')
  }
}
