import { createHash } from 'node:crypto'
import { canonicalJson, type Json } from '@countersign/protocol'
import type { FastifyRequest } from 'fastify'
import { ProblemError } from './problem.js'

/** A request that its caller may send again: which key, and which request, each as a SHA-256. */
export interface RepeatableRequest {
  readonly keyHash: Buffer
  readonly requestHash: Buffer
}

const KEY = /^[\x20-\x7e]{16,128}$/

/** What an `Idempotency-Key` must be. */
export const IDEMPOTENCY_KEY_RULE = 'Idempotency-Key must be 16 to 128 printable characters'

/** Whether a text can be an `Idempotency-Key`. */
export function isIdempotencyKey(text: string): boolean {
  return KEY.test(text)
}

/**
 * Reads `Idempotency-Key`; null without one.
 *
 * @throws ProblemError 400 `invalid_idempotency_key`
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 */
export function repeatableRequest(request: FastifyRequest): RepeatableRequest | null {
  const key = request.headers['idempotency-key']
  if (key === undefined) return null
  if (typeof key !== 'string' || !isIdempotencyKey(key)) {
    throw new ProblemError(400, 'invalid_idempotency_key', IDEMPOTENCY_KEY_RULE)
  }
  const sent = { method: request.method, url: request.url, ifMatch: request.headers['if-match'] ?? null }
  const body = canonicalJson((request.body ?? null) as Json)
  return {
    keyHash: createHash('sha256').update(key).digest(),
    requestHash: createHash('sha256').update(canonicalJson(sent)).update('\n').update(body).digest(),
  }
}
