import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Guards, guardsOf } from './guards.js'
import type { MandateVerifier } from './mandate-verifier.js'
import { METADATA_HEADERS } from './metadata.js'
import type { Refusal } from './refusal.js'

/** A guard: hand it to a route, or an instance, as `onRequest`. */
export type FastifyGuard = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

/** Guards for Fastify 5. Each guard alone is enough: it verifies the mandate if no other has. */
export interface FastifyMandates extends Guards<FastifyGuard, FastifyRequest> {
  /** Serves the RFC 9728 metadata. Register it on the app itself, without a prefix. */
  readonly metadata: (app: FastifyInstance) => Promise<void>
}

/**
 * Makes the guards of a Fastify app.
 *
 * @example
 * ```ts
 * const auth = fastifyMandates(verifier)
 * await app.register(auth.metadata)
 * const onRequest = [auth.requireScope('transfer'), auth.requireStepUp({ aal: 'aal2', maxAge: 300 })]
 * app.post('/transfers', { onRequest }, async (request) => ({ from: auth.mandateOf(request).subject }))
 * ```
 */
export function fastifyMandates(verifier: MandateVerifier): FastifyMandates {
  return {
    metadata: async (app) => {
      if (verifier.metadataPath === undefined) return
      app.get(verifier.metadataPath, async (_request, reply) => reply.headers(METADATA_HEADERS).send(verifier.metadata))
    },
    ...guardsOf<FastifyGuard, FastifyRequest>(verifier, (authorize) => async (request, reply) => {
      const outcome = await authorize(request, request.headers.authorization)
      return outcome.ok ? undefined : sendRefusal(reply, outcome.refusal)
    }),
  }
}

function sendRefusal(reply: FastifyReply, { status, headers, body }: Refusal): FastifyReply {
  const exposed = reply.getHeader('access-control-expose-headers')
  // What the app itself exposes to other origins stays exposed.
  const both = [exposed, headers['access-control-expose-headers']].filter(Boolean).join(', ')
  return reply
    .code(status)
    .headers({ ...headers, ...(both && { 'access-control-expose-headers': both }) })
    .send(body)
}
