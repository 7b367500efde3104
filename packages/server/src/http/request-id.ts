import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

const VALID = /^[A-Za-z0-9._:-]{1,128}$/

/** The id of a request: the caller's `X-Request-Id` when it is one, else a random one. */
export function requestId(message: IncomingMessage): string {
  const given = message.headers['x-request-id']
  return typeof given === 'string' && VALID.test(given) ? given : randomUUID()
}
