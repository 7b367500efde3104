import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Problem } from '@countersign/protocol'

const PROBLEMS: { readonly [code: string]: readonly [status: number, code: string, detail: string] } = {
  HPE_HEADER_OVERFLOW: [431, 'headers_too_large', 'the request line and headers are larger than the service takes'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'body_too_large', 'the chunk extensions are larger than the service takes'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'request_timeout', 'the request did not arrive in time'],
}
const MALFORMED = [400, 'invalid_http', 'this is not an HTTP request that the service can read'] as const

/**
 * Answers what Node's HTTP parser refuses, before there is a request that a route or hook could see, as everything
 * else is answered: with a problem and an id. Nothing that was sent is repeated.
 */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  if (socket.writable) socket.write(answerTo(error))
  // What follows on this connection cannot be understood either.
  socket.destroySoon()
}

function answerTo(error: NodeJS.ErrnoException): string {
  const [status, code, detail] = PROBLEMS[error.code ?? ''] ?? MALFORMED
  const title = STATUS_CODES[status] ?? 'Error'
  const requestId = randomUUID()
  const problem: Problem = { type: 'about:blank', title, status, code, detail, requestId }
  const body = JSON.stringify(problem)
  return [
    `HTTP/1.1 ${status} ${title}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    `X-Request-Id: ${requestId}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n')
}
