import type { Context, MiddlewareHandler } from 'hono'
import { type Guards, guardsOf } from './guards.js'
import type { MandateVerifier } from './mandate-verifier.js'
import { METADATA_HEADERS } from './metadata.js'
import type { Refusal } from './refusal.js'

/** Guards for Hono. Each guard alone is enough: it verifies the mandate if no other has. */
export interface HonoMandates extends Guards<MiddlewareHandler, Context> {
  /** Serves the RFC 9728 metadata. Use it on the app itself, before the guards. */
  readonly metadata: MiddlewareHandler
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
  return {
    metadata: async (context, next) => {
      if (context.req.path !== verifier.metadataPath || context.req.method !== 'GET') return next()
      return context.json(verifier.metadata, 200, METADATA_HEADERS)
    },
    ...guardsOf<MiddlewareHandler, Context>(verifier, (authorize) => async (context, next) => {
      const outcome = await authorize(context, context.req.header('authorization'))
      return outcome.ok ? next() : refusalOf(context, outcome.refusal)
    }),
  }
}

function refusalOf(context: Context, { status, headers, body }: Refusal): Response {
  for (const [name, value] of Object.entries(headers)) {
    // What the app itself exposes to other origins stays exposed.
    context.header(name, value, { append: name.startsWith('access-control-') })
  }
  return context.json(body, status)
}
