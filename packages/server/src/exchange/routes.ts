import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { narrowCors } from '../http/cors.js'
import { formOf, registerFormParser } from '../http/form.js'
import { answerOAuthError } from '../http/oauth-error.js'
import { traceIdOf } from '../http/trace-id.js'
import { describeOnly } from '../http/validation.js'
import type { Exchange } from './exchange.js'
import { parseTokenRequest } from './request.js'
import { TokenForm, tokenAnswers } from './schemas.js'
import { limitUnderWay } from './under-way.js'

/** The token endpoint, of the service and of each zone. */
export function exchangeRoutes(exchange: Exchange): FastifyPluginAsync {
  return async (app) => {
    registerFormParser(app)
    app.setErrorHandler(answerOAuthError)
    const onRequest = limitUnderWay()
    const answer = (request: FastifyRequest, reply: FastifyReply) => answerTokenRequest(exchange, request, reply)
    for (const [prefix, of] of [
      ['', 'the zone in the form'],
      ['/zones/:zone_id', 'the zone in the path'],
    ]) {
      app.post(
        `${prefix}/oauth/2/token`,
        {
          onRequest,
          config: { cors: true },
          validatorCompiler: describeOnly,
          schema: {
            tags: ['oauth'],
            summary: `Exchange a token for a mandate (RFC 8693), ${of}`,
            security: [{ application: [] }, {}],
            consumes: ['application/x-www-form-urlencoded'],
            body: TokenForm,
            response: tokenAnswers,
          },
        },
        answer,
      )
    }
  }
}

async function answerTokenRequest(exchange: Exchange, request: FastifyRequest, reply: FastifyReply): Promise<object> {
  const { authorization, 'idempotency-key': idempotencyKey } = request.headers
  const parsed = parseTokenRequest({
    form: formOf(request),
    pathZoneId: (request.params as { zone_id?: string }).zone_id,
    authorization,
    idempotencyKey: typeof idempotencyKey === 'string' ? idempotencyKey : undefined,
  })
  const answer = await exchange.run(parsed, {
    requestId: request.id,
    ip: request.ip,
    traceId: traceIdOf(request),
    onCaller: ({ origins }) => narrowCors(request, reply, origins),
  })
  reply.header('cache-control', 'no-store')
  if (answer.kind === 'issued') return answer.body
  reply.code(401).header('www-authenticate', 'Bearer error="interaction_required"')
  return { ...answer.body, requestId: request.id }
}
