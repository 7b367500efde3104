import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Application } from '../authority/snapshot.js'
import { type HttpAnswer, NO_STORE, sendAnswer } from '../http/answer.js'
import { narrowCors } from '../http/cors.js'
import type { DirectRoute } from '../http/direct.js'
import { FORM, type Form, fieldsOf, formOf, readForm, registerFormParser } from '../http/form.js'
import { answerOAuthError, oauthFailure } from '../http/oauth-error.js'
import { traceIdOf } from '../http/trace-id.js'
import { describeOnly } from '../http/validation.js'
import type { RequestOrigin } from './context.js'
import type { Exchange } from './exchange.js'
import { parseTokenRequest } from './request.js'
import { TokenForm, tokenAnswers } from './schemas.js'
import { tokenJson } from './token-json.js'
import type { UnderWay } from './under-way.js'

/** The token endpoint, of the service and of each zone. */
export function exchangeRoutes(exchange: Exchange, room: UnderWay): FastifyPluginAsync {
  return async (app) => {
    const fields = fieldsOf(TokenForm)
    registerFormParser(app, fields)
    app.setErrorHandler(answerOAuthError)
    const direct: DirectRoute = {
      // As libraries write it, and as `fetch` does.
      types: [FORM, `${FORM};charset=UTF-8`],
      refusal: (id) => room.refusal(id),
      answer: ({ headers, body, zoneId, id, ip }) => {
        const origin = { requestId: id, ip, traceId: traceIdOf(headers) }
        return room.answer(id, () =>
          answerTokenRequest(exchange, readForm(headers, body, fields), zoneId, headers, origin),
        )
      },
      failed: oauthFailure,
    }
    const handler = async (request: FastifyRequest, reply: FastifyReply) => {
      const { zone_id: zoneId } = request.params as { zone_id?: string }
      const origin = {
        requestId: request.id,
        ip: request.ip,
        traceId: traceIdOf(request.headers),
        onCaller: ({ origins }: Application) => narrowCors(request, reply, origins),
      }
      const answer = await room.answer(request.id, () =>
        answerTokenRequest(exchange, formOf(request), zoneId, request.headers, origin),
      )
      return sendAnswer(reply, answer)
    }
    for (const [prefix, of] of [
      ['', 'the zone in the form'],
      ['/zones/:zone_id', 'the zone in the path'],
    ]) {
      app.post(
        `${prefix}/oauth/2/token`,
        {
          config: { cors: true, direct },
          validatorCompiler: describeOnly,
          schema: {
            tags: ['oauth'],
            summary: `Exchange a token for a mandate (RFC 8693), ${of}`,
            security: [{ application: [] }, {}],
            consumes: [FORM],
            body: TokenForm,
            response: tokenAnswers,
          },
        },
        handler,
      )
    }
  }
}

async function answerTokenRequest(
  exchange: Exchange,
  form: Form,
  pathZoneId: string | undefined,
  headers: IncomingHttpHeaders,
  origin: RequestOrigin,
): Promise<HttpAnswer> {
  const { authorization, 'idempotency-key': key } = headers
  const idempotencyKey = typeof key === 'string' ? key : undefined
  const answer = await exchange.run(parseTokenRequest({ form, pathZoneId, authorization, idempotencyKey }), origin)
  if (answer.kind === 'issued') return { status: 200, headers: NO_STORE, json: tokenJson(answer.body) }
  const pause = { ...NO_STORE, 'www-authenticate': 'Bearer error="interaction_required"' }
  return { status: 401, headers: pause, json: JSON.stringify({ ...answer.body, requestId: origin.requestId }) }
}
