import { withDeadline } from './deadline.js'
import {
  type Decision,
  policyVersionOf,
  readDecision,
  type UnavailableDecision,
  unavailable,
  unwrap,
} from './decision.js'
import { DecisionCache, type DecisionCacheOptions } from './decision-cache.js'
import { type DecisionQuery, serializeQuery } from './decision-query.js'
import { CountersignError } from './errors.js'
import { baseUrl, type Http, type HttpOptions, type HttpReply, httpOf, sendRetrying } from './http.js'
import { isObject, stringOr } from './json.js'
import { SingleFlight } from './single-flight.js'

/** Who asks: the holder of a session mandate, about itself, or a confidential application, about anybody. */
export type DecisionCaller =
  | { readonly token: string | (() => string | Promise<string>) }
  | { readonly applicationId: string; readonly clientSecret: string }

/** Settings of a {@link DecisionClient}. */
export type DecisionClientOptions = HttpOptions &
  DecisionCaller & {
    /** Off unless given. */
    readonly cache?: DecisionCacheOptions
  }

/** Settings of one call. */
export interface CheckOptions {
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number | undefined
}

/** Which resources to list: those of `resourceType` on which the subject may exercise the permission now. */
export interface ListResourcesQuery extends Omit<DecisionQuery, 'resource' | 'explain'> {
  readonly resourceType?: string | undefined
  readonly limit?: number | undefined
  readonly cursor?: string | undefined
}

/** One page of resources, or why there is none. */
export type ResourceList =
  | {
      readonly status: 'listed'
      readonly resources: readonly { readonly type: string; readonly id: string }[]
      readonly nextCursor: string | null
      readonly policyVersion: number | null
    }
  | UnavailableDecision

const MAX_BATCH = 100

/**
 * Asks a zone's decision point whether a subject may do something. Every call fails closed and none throws: what cannot
 * be answered is `unavailable`, with the reason.
 *
 * @example
 * ```ts
 * const decisions = new DecisionClient('https://sts.example', 'zone-id', { token: sessionMandate })
 * const decision = await decisions.check({ subject: { type: 'user', id: 'alice' }, permission: 'transfers:create' })
 * if (decision.status === 'step_up') showVerifyButton(decision.requiredAal)
 * ```
 */
export class DecisionClient {
  readonly #http: Http
  readonly #base: string
  readonly #caller: DecisionCaller
  readonly #cache: DecisionCache | undefined
  readonly #flights = new SingleFlight<Decision>()

  /** @throws CountersignError `invalid_option` when the URL cannot be one. */
  constructor(stsUrl: string, zoneId: string, options: DecisionClientOptions) {
    this.#http = httpOf(options, 10_000)
    this.#base = `${baseUrl(stsUrl)}/v1/zones/${encodeURIComponent(zoneId)}/decisions`
    this.#caller = options
    this.#cache = options.cache && new DecisionCache(options.cache)
  }

  /** Whether the subject may act now: granted, not merely allowed. False for everything else. */
  async can(query: DecisionQuery, options: CheckOptions = {}): Promise<boolean> {
    return (await this.check(query, options)).status === 'granted'
  }

  /** Asks one question. */
  async check(query: DecisionQuery, options: CheckOptions = {}): Promise<Decision> {
    const serialized = serializeQuery(query)
    if (!serialized.ok) return unavailable(serialized.reason)
    return this.#guarded(options, async (signal, deadline) => {
      const authorization = await this.#authorization()
      const ask = async (within: AbortSignal) =>
        readReply(await this.#post('check', serialized.body, authorization, within, deadline), readDecision)
      if (!this.#cache || serialized.explain) return this.#noted(await ask(signal))
      return this.#remembered(this.#cache, `${authorization} ${serialized.body}`, signal, ask)
    })
  }

  /** Asks many questions, in requests of at most a hundred. The answers stand in the order of the questions. */
  async checkBatch(queries: readonly DecisionQuery[], options: CheckOptions = {}): Promise<readonly Decision[]> {
    const serialized = queries.map(serializeQuery)
    const bodies = serialized.flatMap((one) => (one.ok ? [one.body] : []))
    const chunks: string[][] = []
    for (let i = 0; i < bodies.length; i += MAX_BATCH) chunks.push(bodies.slice(i, i + MAX_BATCH))
    const answers = (await Promise.all(chunks.map((chunk) => this.#checkChunk(chunk, options)))).flat()
    let next = 0
    return serialized.map((one) =>
      one.ok ? (answers[next++] ?? unavailable('invalid body')) : unavailable(one.reason),
    )
  }

  /** Lists registered resources on which the subject may exercise a permission now, without a step-up. */
  async listResources(query: ListResourcesQuery, options: CheckOptions = {}): Promise<ResourceList> {
    const { resourceType, limit, cursor, ...rest } = query
    const serialized = serializeQuery(rest)
    if (!serialized.ok) return unavailable(serialized.reason)
    const { resource: _, explain: __, ...asked } = JSON.parse(serialized.body)
    const body = JSON.stringify({ ...asked, resource_type: resourceType ?? null, limit, cursor })
    return this.#guarded(options, async (signal, deadline) => {
      const authorization = await this.#authorization()
      return readReply(await this.#post('list-resources', body, authorization, signal, deadline), readResources)
    })
  }

  /** Forgets every remembered answer, for instance when a session was raised or ended. */
  clearCache(): void {
    this.#cache?.clear()
    this.#flights.clear()
  }

  // The answer depends on who asks, so the key holds the caller's credential beside the question.
  #remembered(
    cache: DecisionCache,
    key: string,
    signal: AbortSignal,
    ask: (signal: AbortSignal) => Promise<Decision>,
  ): Promise<Decision> {
    const hit = cache.get(key, this.#http.now())
    if (hit) return Promise.resolve(hit)
    return this.#flights.run(key, signal, async (shared) => {
      const fill = cache.filler()
      const askedAt = this.#http.now()
      const decision = await ask(shared)
      fill(key, decision, askedAt)
      return decision
    })
  }

  // An answer that is not remembered may still be news of a higher policy version.
  #noted(decision: Decision): Decision {
    this.#cache?.isNewest(decision)
    return decision
  }

  async #checkChunk(bodies: readonly string[], options: CheckOptions): Promise<readonly Decision[]> {
    const body = `{"checks":[${bodies.join(',')}]}`
    const answers = await this.#guarded(options, async (signal, deadline) => {
      const reply = await this.#post('check-batch', body, await this.#authorization(), signal, deadline)
      return readReply(reply, (answer) => {
        const items = unwrap(answer)
        // An answer too many or too few: which belongs to which is anybody's guess.
        return Array.isArray(items) && items.length === bodies.length
          ? items.map((item) => this.#noted(readDecision(item)))
          : unavailable('invalid body')
      })
    })
    return 'status' in answers ? bodies.map(() => answers) : answers
  }

  async #guarded<T>(
    { signal, timeoutMs = this.#http.timeoutMs }: CheckOptions,
    work: (signal: AbortSignal, deadline: number) => Promise<T>,
  ): Promise<T | UnavailableDecision> {
    try {
      return await withDeadline({ timeoutMs, signal }, (within) => work(within, this.#http.now() + timeoutMs))
    } catch (error) {
      const code = error instanceof CountersignError ? error.code : undefined
      return unavailable(code === 'timeout' || code === 'aborted' ? code : 'transport')
    }
  }

  #post(path: string, body: string, authorization: string, signal: AbortSignal, deadline: number): Promise<HttpReply> {
    const headers = { 'content-type': 'application/json', authorization }
    return sendRetrying(this.#http, () => ({ method: 'POST', url: `${this.#base}/${path}`, headers, body }), {
      signal,
      deadline,
      repeatable: true,
    })
  }

  async #authorization(): Promise<string> {
    if (!('token' in this.#caller)) return basic(this.#caller.applicationId, this.#caller.clientSecret)
    const { token } = this.#caller
    return `Bearer ${typeof token === 'function' ? await token() : token}`
  }
}

function readReply<T>(reply: HttpReply, read: (body: unknown) => T): T | UnavailableDecision {
  if (reply.status === 200) return read(reply.body)
  const code = isObject(reply.body) ? stringOr(reply.body.code) : undefined
  return unavailable('transport', { httpStatus: reply.status, ...(code === undefined ? {} : { code }) })
}

function readResources(body: unknown): ResourceList {
  const data = unwrap(body)
  if (!isObject(data) || !Array.isArray(data.resources)) return unavailable('invalid body')
  const resources: { readonly type: string; readonly id: string }[] = []
  for (const one of data.resources) {
    if (!isObject(one) || typeof one.type !== 'string' || typeof one.id !== 'string') return unavailable('invalid body')
    resources.push(Object.freeze({ type: one.type, id: one.id }))
  }
  return Object.freeze({
    status: 'listed',
    resources: Object.freeze(resources),
    nextCursor: stringOr(data.next_cursor) ?? null,
    policyVersion: policyVersionOf(data.policy_version),
  })
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** RFC 6749 section 2.3.1: both parts form-encoded first, so only ASCII is left to encode; `btoa` is not everywhere. */
function basic(id: string, secret: string): string {
  const text = `${encodeURIComponent(id)}:${encodeURIComponent(secret)}`
  let encoded = ''
  for (let i = 0; i < text.length; i += 3) {
    const bits = (text.charCodeAt(i) << 16) | ((text.charCodeAt(i + 1) || 0) << 8) | (text.charCodeAt(i + 2) || 0)
    for (let j = 0; j < 4; j++) encoded += i + j > text.length ? '=' : BASE64.charAt((bits >> (18 - 6 * j)) & 63)
  }
  return `Basic ${encoded}`
}
