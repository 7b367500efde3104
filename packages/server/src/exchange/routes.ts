import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { narrowCors } from '../http/cors.js'
import { formOf, registerFormParser } from '../http/form.js'
import { answerOAuthError } from '../http/oauth-error.js'
import { traceIdOf } from '../http/trace-id.js'
import type { RequestOrigin } from './context.js'
import type { Exchange } from './exchange.js'
import { parseTokenRequest } from './request.js'

/** The token endpoint, of the service and of each zone. */
export function exchangeRoutes(exchange: Exchange): FastifyPluginAsync {
  return async (app) => {
    registerFormParser(app)
    app.setErrorHandler(answerOAuthError)
    const answer = (request: FastifyRequest, reply: FastifyReply) => answerTokenRequest(exchange, request, reply)
    const config = { cors: true }
    app.post('/oauth/2/token', { config }, answer)
    app.post('/zones/:zone_id/oauth/2/token', { config }, answer)
  }
}

async function answerTokenRequest(
  exchange: Exchange,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { authorization, 'idempotency-key': idempotencyKey } = request.headers
  const parsed = parseTokenRequest({
    form: formOf(request),
    pathZoneId: (request.params as { zone_id?: string }).zone_id,
    authorization,
    idempotencyKey: typeof idempotencyKey === 'string' ? idempotencyKey : undefined,
  })
  const answer = await exchange.run(parsed, {
    ...originOf(request),
    onCaller: ({ origins }) => narrowCors(request, reply, origins),
  })
  reply.header('cache-control', 'no-store')
  if (answer.kind === 'issued') return reply.send(answer.body)
  return reply
    .code(401)
    .header('www-authenticate', 'Bearer error="interaction_required"')
    .send({ ...answer.body, requestId: request.id })
}

function originOf(request: FastifyRequest): RequestOrigin {
  return { requestId: request.id, ip: request.ip, traceId: traceIdOf(request) }
}
