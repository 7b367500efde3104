import { Agent, request } from 'node:http'
import type { OAuthErrorCode } from '@countersign/protocol'
import type { TestService } from '../support/service.js'

/** A request as it goes over the wire, however odd. */
export interface Shot {
  readonly method: string
  /** With what `encodeURIComponent` left. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | undefined
}

export interface Hit {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  readonly ms: number
}

/** It stands in whatever a caller makes up, so that an error that repeats any of it shows. */
export const MARK = 'q7Zt0-marked-9fK2wX4v'

const LONGEST_MS = 10_000
const agent = new Agent({ keepAlive: true, maxSockets: 32 })

// Unlike fetch this sends what it is given: headers that no browser would, and paths as they are.
export function fire(service: TestService, shot: Shot): Promise<Hit> {
  const { hostname, port } = new URL(service.url)
  const began = performance.now()
  return new Promise((resolve, reject) => {
    const { method, path, headers, body } = shot
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const sent = request({ hostname, port, method, path, agent, headers: { ...headers, ...length } }, (answer) => {
      const pieces: Buffer[] = []
      answer.on('data', (piece: Buffer) => pieces.push(piece))
      answer.on('error', reject)
      answer.on('end', () =>
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          text: Buffer.concat(pieces).toString('utf8'),
          ms: performance.now() - began,
        }),
      )
    })
    sent.setTimeout(LONGEST_MS * 2, () => sent.destroy(new Error(`no answer in ${LONGEST_MS * 2} ms`)))
    sent.on('error', reject)
    sent.end(body)
  })
}

// A record, so that a code that is added to the protocol must be added here.
const OAUTH: Readonly<Record<OAuthErrorCode, true>> = {
  invalid_request: true,
  invalid_client: true,
  unauthorized_client: true,
  unsupported_grant_type: true,
  invalid_grant: true,
  invalid_scope: true,
  invalid_target: true,
  access_denied: true,
  interaction_required: true,
  slow_down: true,
  temporarily_unavailable: true,
}
const OAUTH_CODES: ReadonlySet<unknown> = new Set(Object.keys(OAUTH))

/** What an answer does that no answer may, whatever was asked; undefined for one that keeps every promise. */
export function faultOf(hit: Hit, secrets: readonly string[]): string | undefined {
  const id = hit.headers['x-request-id']
  if (hit.status >= 500) return 'a fault of the service'
  if (hit.ms > LONGEST_MS) return 'too slow'
  if (typeof id !== 'string' || !/^[\w.:-]{1,128}$/.test(id)) return 'no request id'
  const shown = secrets.find((secret) => hit.text.includes(secret) || headersOf(hit).includes(secret))
  if (shown !== undefined) return `it repeats ${shown}`
  if (hit.status < 400) return undefined
  if (hit.text.includes(MARK)) return 'the error repeats what was sent'
  return errorFault(hit, id)
}

function errorFault({ text, status }: Hit, requestId: string): string | undefined {
  const body = parse(text)
  if (body === undefined) return 'the error is not JSON'
  if (body.requestId !== requestId) return 'the error does not name its request'
  if (OAUTH_CODES.has(body.error) && typeof body.error_description === 'string') return undefined
  const isProblem = typeof body.code === 'string' && /^[a-z][a-z_]{2,40}$/.test(body.code) && body.status === status
  return isProblem ? undefined : 'the error has no stable code'
}

function headersOf(hit: Hit): string {
  return Object.values(hit.headers).join('\n')
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Sends requests at once, and gives those whose answers break a promise. */
export async function broken(
  service: TestService,
  shots: readonly Shot[],
  secrets: readonly string[],
): Promise<readonly object[]> {
  const hits = await Promise.all(shots.map((shot) => fire(service, shot).catch((error: unknown) => String(error))))
  return hits.flatMap((hit, i) => {
    const fault = typeof hit === 'string' ? hit : faultOf(hit, secrets)
    return fault === undefined ? [] : [{ fault, shot: shots[i], hit }]
  })
}
