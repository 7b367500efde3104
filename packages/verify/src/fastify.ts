import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Mandate } from './mandate.js'
import type { MandateVerifier } from './mandate-verifier.js'
import type { Refusal } from './refusal.js'
import { RequestMandates } from './request-mandates.js'
import { checkRequirement, type Requirement, type StepUpRequirement } from './requirement.js'

/** A guard: hand it to a route, or an instance, as `onRequest`. */
export type FastifyGuard = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

/** Guards for Fastify 5. Each guard alone is enough: it verifies the mandate if no other has. */
export interface FastifyMandates {
  /** Serves the RFC 9728 metadata. Register it on the app itself, without a prefix. */
  readonly metadata: (app: FastifyInstance) => Promise<void>
  /** Lets requests with a mandate for this server through. */
  readonly requireMandate: () => FastifyGuard
  /** Lets requests through whose mandate has all these scopes; the others get 403 `insufficient_scope`. */
  readonly requireScope: (...scopes: string[]) => FastifyGuard
  /** Lets requests through whose subject was authenticated so; the others get the RFC 9470 challenge. */
  readonly requireStepUp: (requirement: StepUpRequirement) => FastifyGuard
  /** All of it in one guard. */
  readonly require: (requirement: Requirement) => FastifyGuard
  /** The mandate of a request that a guard let through. */
  readonly mandateOf: (request: FastifyRequest) => Mandate
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
  const mandates = new RequestMandates(verifier)
  const guard = (requirement: Requirement): FastifyGuard => {
    checkRequirement(requirement)
    return async (request, reply) => {
      const outcome = await mandates.authorize(request, request.headers.authorization, requirement)
      return outcome.ok ? undefined : sendRefusal(reply, outcome.refusal)
    }
  }
  return {
    metadata: async (app) => {
      if (verifier.metadataPath === undefined) return
      app.get(verifier.metadataPath, async (_request, reply) =>
        reply
          .headers({ 'cache-control': 'public, max-age=3600', 'access-control-allow-origin': '*' })
          .send(verifier.metadata),
      )
    },
    requireMandate: () => guard({}),
    requireScope: (...scopes) => guard({ scopes }),
    requireStepUp: (requirement) => guard(requirement),
    require: guard,
    mandateOf: (request) => mandates.of(request),
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
