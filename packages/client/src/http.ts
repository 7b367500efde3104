import { sleep } from './deadline.js'
import { CountersignError } from './errors.js'

/** The part of `fetch` this package uses: any function that behaves like it will do. */
export type FetchLike = (url: string, init: RequestInit) => Promise<Response>

/** One request. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** One answer; `body` is the parsed JSON, or `undefined` when it is not JSON. */
export interface HttpReply {
  readonly status: number
  readonly body: unknown
  /** Seconds from `Retry-After`. */
  readonly retryAfter: number | undefined
}

/** How requests of one client are made. Every part can be handed in, so that tests own time and chance. */
export interface HttpOptions {
  /** Default: the platform's `fetch`, looked up at each call. */
  readonly fetch?: FetchLike
  /** The longest a call may take in all, retries and pauses included, in milliseconds. */
  readonly timeoutMs?: number
  /** How often a request that can be repeated safely is repeated. Default 2. */
  readonly maxRetries?: number
  /** The current time in milliseconds since the epoch. */
  readonly now?: () => number
  /** A number in [0, 1). It spreads retries and makes idempotency keys, which are not secrets. */
  readonly random?: () => number
}

/** {@link HttpOptions} with every default filled in. */
export interface Http {
  readonly fetch: FetchLike
  readonly timeoutMs: number
  readonly maxRetries: number
  readonly now: () => number
  readonly random: () => number
}

/** Fills the defaults in. */
export function httpOf(options: HttpOptions, timeoutMs: number): Http {
  return {
    fetch: options.fetch ?? platformFetch,
    timeoutMs: options.timeoutMs ?? timeoutMs,
    maxRetries: options.maxRetries ?? 2,
    now: options.now ?? Date.now,
    random: options.random ?? Math.random,
  }
}

/** Removes trailing slashes and refuses what is not an absolute http(s) URL. `URL` is avoided: React Native's is partial. */
export function baseUrl(url: string): string {
  if (!/^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/i.test(url)) {
    throw new CountersignError(
      'invalid_option',
      'The service URL must be an absolute http(s) URL without credentials, query or fragment.',
    )
  }
  return url.replace(/\/+$/, '')
}

/**
 * Sends a request and reads the whole answer.
 *
 * @throws CountersignError `transport` when there was no answer.
 */
export async function send(http: Http, request: HttpRequest, signal: AbortSignal): Promise<HttpReply> {
  try {
    const response = await http.fetch(request.url, {
      method: request.method,
      headers: { accept: 'application/json', ...request.headers },
      signal,
      // A redirect would carry credentials to wherever it points; it is an answer like any other, and a wrong one.
      redirect: 'manual',
      ...(request.body === undefined ? {} : { body: request.body }),
      ...(request.method === 'GET' ? { cache: 'no-store' } : {}),
    })
    const text = await response.text()
    return { status: response.status, body: parse(text), retryAfter: retryAfter(response.headers, http.now()) }
  } catch (cause) {
    const path = request.url.replace(/\?.*$/, '')
    throw new CountersignError('transport', `${request.method} ${path} got no answer${reason(cause)}.`, cause)
  }
}

/** Why, where the platform says it as a code: ` (ECONNREFUSED)`. Its messages may quote what was sent. */
function reason(error: unknown): string {
  const code = codeOf(error instanceof Error && 'cause' in error ? error.cause : undefined) ?? codeOf(error)
  return code === undefined ? '' : ` (${code})`
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z0-9_]{1,50}$/.test(code) ? code : undefined
}

/**
 * Sends a request, and again while that is safe and can help: after a lost answer, 429, 502, 503 and 504, waiting as long
 * as `Retry-After` says or else a little longer each time. A wait that would pass the deadline is not begun.
 *
 * @param build makes the request anew for each attempt, since a client assertion is good for one.
 */
export async function sendRetrying(
  http: Http,
  build: () => HttpRequest | Promise<HttpRequest>,
  limit: { readonly signal: AbortSignal; readonly deadline: number; readonly repeatable: boolean },
): Promise<HttpReply> {
  for (let attempt = 0; ; attempt++) {
    const request = await build()
    let reply: HttpReply | undefined
    let failure: unknown
    try {
      reply = await send(http, request, limit.signal)
      if (!isPassing(reply.status)) return reply
    } catch (error) {
      failure = error
    }
    const wait = reply?.retryAfter === undefined ? backoff(attempt, http.random) : reply.retryAfter * 1000
    const mayRepeat = limit.repeatable && attempt < http.maxRetries && http.now() + wait < limit.deadline
    if (!mayRepeat || limit.signal.aborted) {
      if (reply) return reply
      throw failure
    }
    await sleep(wait, limit.signal)
  }
}

/** Milliseconds before the attempt after number `attempt` (from 0): 100 to 200, 200 to 400, … up to 5 s. */
export function backoff(attempt: number, random: () => number): number {
  return Math.min(100 * 2 ** attempt * (1 + random()), 5_000)
}

function isPassing(status: number): boolean {
  return status === 429 || status === 502 || status === 503 || status === 504
}

function retryAfter(headers: Headers, now: number): number | undefined {
  const value = headers.get('retry-after')?.trim()
  if (!value) return undefined
  if (/^\d+$/.test(value)) return Number(value)
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : Math.max(0, (at - now) / 1000)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const platformFetch: FetchLike = (url, init) => {
  if (typeof fetch !== 'function') {
    return Promise.reject(new CountersignError('transport', 'This platform has no fetch; pass one in the options.'))
  }
  return fetch(url, init)
}
