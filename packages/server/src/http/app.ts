import type { IncomingMessage, ServerResponse } from 'node:http'
import swagger from '@fastify/swagger'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController, type RawServerDefault } from 'fastify'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { answerClientError } from './client-error.js'
import { answerError, toProblem } from './error-handler.js'
import { installHealth, type ReadinessCheck } from './health.js'
import { installMetrics, type Measure } from './metrics.js'
import { openApi } from './openapi.js'
import { ProblemError, sendProblem } from './problem.js'
import { requestId } from './request-id.js'
import { installSecurityHeaders } from './security-headers.js'
import { compileValidator } from './validation.js'
import { checkWellFormed } from './well-formed.js'

/** The app that capabilities register their routes on. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

export interface AppOptions {
  readonly log: Logger
  readonly metrics: Registry
  /** What `/readyz` asks. */
  readonly readiness: readonly ReadinessCheck[]
  /** Addresses whose `X-Forwarded-For` counts; none by default. */
  readonly trustProxy?: string | readonly string[] | boolean | undefined
}

const BODY_LIMIT = 1024 * 1024

/**
 * The HTTP app, which knows nothing of the domain: validation with TypeBox, request ids, security headers, problem
 * details for whatever goes wrong, OpenAPI, health and metrics. Routes are registered on it afterwards.
 *
 * @example
 * ```ts
 * const app = await createApp({ log, metrics: createMetrics(), readiness: [databaseReadiness(db)] })
 * await app.register(zoneRoutes(deps))
 * await app.listen({ host, port })
 * ```
 */
export async function createApp(options: AppOptions): Promise<App> {
  const { trustProxy } = options
  const app: App = fastify({
    loggerInstance: options.log as FastifyBaseLogger,
    // Fastify's own lines hold the URL with its query string; one line a request, by route, is written below.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestId,
    bodyLimit: BODY_LIMIT,
    requestTimeout: 30_000,
    trustProxy: typeof trustProxy === 'object' ? [...trustProxy] : (trustProxy ?? false),
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => {
      reply.header('x-request-id', request.id)
      sendProblem(request, reply, toProblem(error))
    },
  }).withTypeProvider<TypeBoxTypeProvider>()

  app.setValidatorCompiler(compileValidator)
  // Schemas of answers describe them; what is sent is exactly what the route returned.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  app.setErrorHandler(answerError)
  app.setNotFoundHandler((request, reply) =>
    sendProblem(request, reply, new ProblemError(404, 'route_not_found', 'no route has this method and path')),
  )
  takeJson(app)
  drain(app)
  installSecurityHeaders(app)
  await app.register(swagger, openApi)
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  observe(app, installMetrics(app as FastifyInstance, options.metrics))
  installHealth(app as FastifyInstance, options.readiness)
  return app
}

// Strict where the default is lenient: UTF-8 or nothing, no __proto__; and an empty body is no body.
function takeJson(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (body.length === 0) return done(null, undefined)
    try {
      parse(request, utf8.decode(body), done)
    } catch {
      done(new ProblemError(400, 'invalid_json', 'the body is not UTF-8'))
    }
  })
  app.addHook('preValidation', (request, _reply, done) => {
    // A form was checked as it was read.
    if (!(request.body instanceof Map)) checkWellFormed(request.body)
    checkWellFormed(request.query)
    checkWellFormed(request.params)
    done()
  })
}

// A connection that is kept alive after its last answer would keep the service from stopping for as long.
function drain(app: App): void {
  let closing = false
  app.addHook('preClose', async () => {
    closing = true
  })
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (closing) reply.header('connection', 'close')
    done(null, payload)
  })
}

function observe(app: App, measure: Measure): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    const { method, log } = request
    // Put together anew each time it is read.
    const { url } = request.routeOptions
    const { statusCode, elapsedTime } = reply
    log.info({ method, route: url ?? null, status: statusCode, ms: Math.round(elapsedTime * 10) / 10 }, 'answered')
    measure(method, url, statusCode, elapsedTime / 1000)
    done()
  })
}
