import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import type { App } from './app.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether browsers of registered origins may call this route. */
    readonly cors?: boolean
  }
}

/** Whether an origin is registered: by some application of this zone, or of any when the path names none. */
export type OriginLookup = (origin: string, zoneId: string | null) => Promise<boolean>

/** On every answer of a route with CORS. Helmet would let no other origin read what CORS lets some read. */
export const CORS_HEADERS = { vary: 'Origin', 'cross-origin-resource-policy': 'cross-origin' } as const

const PREFLIGHT_SECONDS = '600'
const ALLOWED_HEADERS = 'Authorization, Content-Type, Idempotency-Key, X-Request-Id'
const EXPOSED_HEADERS = 'WWW-Authenticate, Retry-After, X-Request-Id'

/**
 * Answers CORS, preflights too, on routes that have `config: { cors: true }`. Call it before they are registered.
 *
 * A preflight does not say which application asks, so it is answered for every origin that any application of the
 * zone has. Once a route knows the application it narrows the answer to that one's origins: {@link narrowCors}.
 * Cookies are never allowed: there are none.
 *
 * @example
 * ```ts
 * app.post('/oauth/2/token', { config: { cors: true } }, handler)
 * ```
 * @see https://fetch.spec.whatwg.org/#http-cors-protocol
 */
export function installCors(app: App, isRegistered: OriginLookup): void {
  const methods = new Map<string, Set<string>>()

  app.addHook('onRoute', function addPreflight(route) {
    if (route.config?.cors !== true) return
    route.onRequest = [answerOrigin, ...[route.onRequest ?? []].flat()]
    if (route.method === 'OPTIONS') return
    const known = methods.get(route.url)
    const own = known ?? new Set<string>()
    for (const method of [route.method].flat()) own.add(method)
    if (known !== undefined) return
    methods.set(route.url, own)
    this.route({
      method: 'OPTIONS',
      url: route.path.slice(route.prefix.length),
      config: { cors: true },
      schema: { hide: true },
      handler: async (_request, reply) => {
        if (reply.hasHeader('access-control-allow-origin')) {
          reply.headers({
            'access-control-allow-methods': [...own].join(', '),
            'access-control-allow-headers': ALLOWED_HEADERS,
            'access-control-max-age': PREFLIGHT_SECONDS,
          })
        }
        return reply.code(204).send()
      },
    })
  })

  const answerOrigin: onRequestHookHandler = (request, reply, done) => {
    reply.headers(CORS_HEADERS)
    const { origin } = request.headers
    if (origin === undefined || !isOrigin(origin)) return done()
    const { zone_id: zoneId } = request.params as { readonly zone_id?: string }
    isRegistered(origin, zoneId ?? null).then((registered) => {
      if (registered) {
        reply.headers({ 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED_HEADERS })
      }
      done()
    }, done)
  }
}

/** Withdraws the answer of {@link installCors} when the application that asks has not this origin itself. */
export function narrowCors(request: FastifyRequest, reply: FastifyReply, origins: readonly string[]): void {
  const { origin } = request.headers
  if (origin === undefined || origins.includes(origin)) return
  reply.removeHeader('access-control-allow-origin')
  reply.removeHeader('access-control-expose-headers')
}

function isOrigin(text: string): boolean {
  return text.length <= 300 && /^https?:\/\/[^\s/]+$/.test(text)
}
