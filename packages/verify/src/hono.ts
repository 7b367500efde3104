import type { Context, MiddlewareHandler } from 'hono'
import type { Mandate } from './mandate.js'
import type { MandateVerifier } from './mandate-verifier.js'
import type { Refusal } from './refusal.js'
import { RequestMandates } from './request-mandates.js'
import { checkRequirement, type Requirement, type StepUpRequirement } from './requirement.js'

/** Guards for Hono. Each guard alone is enough: it verifies the mandate if no other has. */
export interface HonoMandates {
  /** Serves the RFC 9728 metadata. Use it on the app itself, before the guards. */
  readonly metadata: MiddlewareHandler
  /** Lets requests with a mandate for this server through. */
  readonly requireMandate: () => MiddlewareHandler
  /** Lets requests through whose mandate has all these scopes; the others get 403 `insufficient_scope`. */
  readonly requireScope: (...scopes: string[]) => MiddlewareHandler
  /** Lets requests through whose subject was authenticated so; the others get the RFC 9470 challenge. */
  readonly requireStepUp: (requirement: StepUpRequirement) => MiddlewareHandler
  /** All of it in one guard. */
  readonly require: (requirement: Requirement) => MiddlewareHandler
  /** The mandate of a request that a guard let through. */
  readonly mandateOf: (context: Context) => Mandate
}

/**
 * Makes the guards of a Hono app.
 *
 * @example
 * ```ts
 * const auth = honoMandates(verifier)
 * app.use(auth.metadata)
 * app.post('/transfers', auth.requireScope('transfer'), auth.requireStepUp({ aal: 'aal2', maxAge: 300 }), (c) =>
 *   c.json({ from: auth.mandateOf(c).subject }),
 * )
 * ```
 */
export function honoMandates(verifier: MandateVerifier): HonoMandates {
  const mandates = new RequestMandates(verifier)
  const guard = (requirement: Requirement): MiddlewareHandler => {
    checkRequirement(requirement)
    return async (context, next) => {
      const outcome = await mandates.authorize(context, context.req.header('authorization'), requirement)
      return outcome.ok ? next() : refusalOf(context, outcome.refusal)
    }
  }
  return {
    metadata: async (context, next) => {
      if (context.req.path !== verifier.metadataPath || context.req.method !== 'GET') return next()
      return context.json(verifier.metadata, 200, {
        'cache-control': 'public, max-age=3600',
        'access-control-allow-origin': '*',
      })
    },
    requireMandate: () => guard({}),
    requireScope: (...scopes) => guard({ scopes }),
    requireStepUp: (requirement) => guard(requirement),
    require: guard,
    mandateOf: (context) => mandates.of(context),
  }
}

function refusalOf(context: Context, { status, headers, body }: Refusal): Response {
  for (const [name, value] of Object.entries(headers)) {
    // What the app itself exposes to other origins stays exposed.
    context.header(name, value, { append: name.startsWith('access-control-') })
  }
  return context.json(body, status)
}
