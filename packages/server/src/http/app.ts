import type { IncomingMessage, ServerResponse } from 'node:http'
import swagger from '@fastify/swagger'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
  type RawServerDefault,
} from 'fastify'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { answersTo, type LogAnswer } from '../log.js'
import { addressOf } from './address.js'
import { answerClientError } from './client-error.js'
import { DirectRoutes } from './direct.js'
import { answerError, toProblem } from './error-handler.js'
import { installHealth, type ReadinessCheck } from './health.js'
import { JSON_MEDIA_TYPE, readJson } from './json.js'
import { type Observe, observer, serveMetrics } from './metrics.js'
import { openApi } from './openapi.js'
import { ProblemError, sendProblem } from './problem.js'
import { requestId } from './request-id.js'
import { installSecurityHeaders, SECURITY_HEADERS } from './security-headers.js'
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
  /** How the line of an answer is written; by default as any other of `log`. */
  readonly logAnswer?: LogAnswer | undefined
  readonly metrics: Registry
  /** What `/readyz` asks. */
  readonly readiness: readonly ReadinessCheck[]
  /** Addresses whose `X-Forwarded-For` counts; none by default. */
  readonly trustProxy?: readonly string[] | undefined
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
  const { log, logAnswer = answersTo(log), trustProxy } = options
  const observe = observer(logAnswer, options.metrics)
  const direct = new DirectRoutes({ log, headers: SECURITY_HEADERS, addressOf: addressOf(trustProxy), observe })
  const app: App = fastify({
    loggerInstance: log as FastifyBaseLogger,
    serverFactory: (handler, given) => direct.server(handler, given),
    // Fastify's own lines hold the URL with its query string; one line a request, by route, is written below.
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestId,
    bodyLimit: BODY_LIMIT,
    requestTimeout: 30_000,
    trustProxy: trustProxy === undefined ? false : [...trustProxy],
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
  drain(app, direct)
  installSecurityHeaders(app)
  await app.register(swagger, openApi)
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  observeAnswers(app, observe)
  app.addHook('onRoute', ({ url, config = {} }) => direct.add(url, config))
  serveMetrics(app as FastifyInstance, options.metrics)
  installHealth(app as FastifyInstance, options.readiness)
  return app
}

function takeJson(app: App): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(JSON_MEDIA_TYPE, { parseAs: 'buffer' }, async (_request: FastifyRequest, body: Buffer) =>
    readJson(body),
  )
  // Bodies are checked as they are read.
  app.addHook('preValidation', (request, _reply, done) => {
    checkWellFormed(request.query)
    checkWellFormed(request.params)
    done()
  })
}

// A connection that is kept alive after its last answer would keep the service from stopping for as long.
function drain(app: App, direct: DirectRoutes): void {
  app.addHook('preClose', async () => direct.close())
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (direct.isClosing) reply.header('connection', 'close')
    done(null, payload)
  })
}

function observeAnswers(app: App, observe: Observe): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    const { id, method, routeOptions } = request
    observe({ id, method, route: routeOptions.url ?? null, status: reply.statusCode, ms: reply.elapsedTime })
    done()
  })
}
