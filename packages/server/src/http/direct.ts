import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type {
  FastifyBaseLogger,
  FastifyContextConfig,
  FastifyServerFactoryHandler,
  FastifyServerOptions,
} from 'fastify'
import type { Logger } from 'pino'
import type { HttpAnswer } from './answer.js'
import { CORS_HEADERS } from './cors.js'
import type { Observe } from './metrics.js'
import { requestId } from './request-id.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** How the route's ordinary requests are answered without Fastify; for routes that have CORS. */
    readonly direct?: DirectRoute
  }
}

/** An ordinary request. */
export interface DirectRequest {
  readonly id: string
  readonly ip: string
  readonly headers: IncomingHttpHeaders
  /** The zone in the path; undefined where the route's path names none. */
  readonly zoneId: string | undefined
  readonly body: Buffer
}

/** What answers a route's ordinary requests, as its handler answers all of them. */
export interface DirectRoute {
  /** How the media type of an ordinary body is written. */
  readonly types: readonly string[]
  /** What a request gets for which there is no room; it is asked before the body is read, which may never be. */
  readonly refusal?: (requestId: string) => HttpAnswer | undefined
  readonly answer: (request: DirectRequest) => Promise<HttpAnswer>
  /** The answer for whatever {@link answer} throws, at once or later. */
  readonly failed: (error: unknown, requestId: string, log: Pick<FastifyBaseLogger, 'error'>) => HttpAnswer
}

export interface DirectOptions {
  readonly log: Logger
  /** What every answer of the app carries. */
  readonly headers: { readonly [name: string]: string }
  /** The address that a request counts as coming from. */
  readonly addressOf: (request: IncomingMessage) => string
  readonly observe: Observe
}

interface Path {
  readonly url: string
  readonly before: string
  /** What follows the zone; undefined when the path names none. */
  readonly after: string | undefined
  readonly route: DirectRoute
}

const ZONE = ':zone_id'
const ZONE_CHARACTERS = 36
const MOST_BYTES = 64 * 1024
const EMPTY = Buffer.alloc(0)
/** What the log and the metrics say of a request whose client left before its answer; no client is told it. */
const CLIENT_LEFT = 499

/**
 * Answers the ordinary requests of routes that have `config: { direct }` before Fastify sees them: with its request, its reply
 * and the hooks in between HTTP takes 1.2 times as long, and they do nothing for such a one.
 *
 * Ordinary is a POST to exactly the route's path, with a body of the route's media type and of a stated length up to 64 KiB,
 * not encoded, and from no browser. Whatever else comes, and whatever is wrong with how a request is put together, is
 * Fastify's, where the same route answers it.
 */
export class DirectRoutes {
  readonly #paths: Path[] = []
  readonly #headers: readonly string[]
  #closing = false

  constructor(private readonly options: DirectOptions) {
    this.#headers = Object.entries({ ...options.headers, ...CORS_HEADERS }).flat()
  }

  /** Whether this was closed. */
  get isClosing(): boolean {
    return this.#closing
  }

  /** @throws Error for a route without CORS, whose answers would have headers that are not theirs */
  add(url: string, { direct, cors }: FastifyContextConfig): void {
    if (direct === undefined) return
    if (cors !== true) throw new Error(`${url} is answered directly and has no CORS`)
    const [before = '', after] = url.split(ZONE)
    this.#paths.push({ url, before, after, route: direct })
  }

  /** From now on everything is Fastify's, and what is under way here is the last on its connection. */
  close(): void {
    this.#closing = true
  }

  /** A server that passes on what is not ordinary. */
  server(pass: FastifyServerFactoryHandler, options: FastifyServerOptions): Server {
    const { keepAliveTimeout = 0, requestTimeout = 0 } = options
    const server = createServer({ keepAliveTimeout, requestTimeout }, (request, response) => {
      const path = this.#pathOf(request)
      if (path === undefined) pass(request, response)
      else this.#take(path, request, response)
    })
    // The address is looked at while it is there, and then remembered: once a connection has been reset it cannot be had,
    // and what came by it would be recorded as coming from nowhere.
    server.on('connection', (socket) => {
      if (socket.remoteAddress === undefined) socket.destroy()
    })
    return server
  }

  #pathOf({ method, url = '', headers }: IncomingMessage): Path | undefined {
    if (method !== 'POST' || this.#closing) return undefined
    for (const path of this.#paths) {
      if (matches(url, path)) return isOrdinary(headers, path.route.types) ? path : undefined
    }
    return undefined
  }

  #take({ url, before, after, route }: Path, request: IncomingMessage, response: ServerResponse): void {
    const started = performance.now()
    const id = requestId(request)
    response.on('close', () => {
      const ms = performance.now() - started
      const status = response.writableFinished ? response.statusCode : CLIENT_LEFT
      this.options.observe({ id, method: 'POST', route: url, status, ms })
    })
    const refusal = route.refusal?.(id)
    if (refusal !== undefined) {
      this.#send(response, id, refusal)
      return
    }
    const { url: path = '', headers } = request
    const zoneId = after === undefined ? undefined : path.slice(before.length, before.length + ZONE_CHARACTERS)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const [first = EMPTY] = chunks
      const body = chunks.length === 1 ? first : Buffer.concat(chunks)
      const ip = this.options.addressOf(request)
      this.#answer(route, { id, ip, headers, zoneId, body }, response).catch((error: unknown) => {
        this.options.log.error({ reqId: id, type: error instanceof Error ? error.name : typeof error }, 'no answer')
        response.destroy()
      })
    })
  }

  async #answer(route: DirectRoute, request: DirectRequest, response: ServerResponse): Promise<void> {
    let answer: HttpAnswer
    try {
      answer = await route.answer(request)
    } catch (error) {
      answer = route.failed(error, request.id, this.options.log.child({ reqId: request.id }))
    }
    this.#send(response, request.id, answer)
  }

  #send(response: ServerResponse, id: string, { status, headers, json }: HttpAnswer): void {
    const lines = [...this.#headers, 'x-request-id', id, 'content-length', String(Buffer.byteLength(json))]
    for (const name in headers) lines.push(name, headers[name] ?? '')
    if (this.#closing) response.shouldKeepAlive = false
    response.writeHead(status, lines).end(json)
  }
}

function matches(url: string, { before, after }: Path): boolean {
  if (after === undefined) return url === before
  return (
    url.length === before.length + ZONE_CHARACTERS + after.length &&
    url.startsWith(before) &&
    url.endsWith(after) &&
    /^[0-9a-f-]+$/.test(url.slice(before.length, before.length + ZONE_CHARACTERS))
  )
}

function isOrdinary(headers: IncomingHttpHeaders, types: readonly string[]): boolean {
  const length = Number(headers['content-length'])
  return (
    types.includes(headers['content-type'] ?? '') &&
    length > 0 &&
    length <= MOST_BYTES &&
    headers['content-encoding'] === undefined &&
    headers.origin === undefined
  )
}
