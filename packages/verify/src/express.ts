import type { Request, RequestHandler, Response } from 'express'
import { type Guards, guardsOf } from './guards.js'
import type { MandateVerifier } from './mandate-verifier.js'
import { METADATA_HEADERS } from './metadata.js'
import type { Refusal } from './refusal.js'

/** Guards for Express 5. Each guard alone is enough: it verifies the mandate if no other has. */
export interface ExpressMandates extends Guards<RequestHandler, Request> {
  /** Serves the RFC 9728 metadata. Use it on the app itself, before the guards. */
  readonly metadata: RequestHandler
}

/**
 * Makes the guards of an Express app.
 *
 * @example
 * ```ts
 * const auth = expressMandates(verifier)
 * app.use(auth.metadata)
 * app.post('/transfers', auth.requireScope('transfer'), auth.requireStepUp({ aal: 'aal2', maxAge: 300 }), (req, res) => {
 *   res.json({ from: auth.mandateOf(req).subject })
 * })
 * ```
 */
export function expressMandates(verifier: MandateVerifier): ExpressMandates {
  return {
    metadata: serveMetadata(verifier),
    ...guardsOf<RequestHandler, Request>(verifier, (authorize) => async (request, response, next) => {
      const outcome = await authorize(request, request.headers.authorization)
      if (outcome.ok) next()
      else sendRefusal(response, outcome.refusal)
    }),
  }
}

/** Serves a resource server's metadata in an Express app. */
export function serveMetadata(verifier: MandateVerifier): RequestHandler {
  return (request, response, next) => {
    const [path] = request.originalUrl.split('?')
    if (path !== verifier.metadataPath || (request.method !== 'GET' && request.method !== 'HEAD')) {
      next()
      return
    }
    response.set(METADATA_HEADERS).json(verifier.metadata)
  }
}

/** Answers a refusal in an Express app. */
export function sendRefusal(response: Response, { status, headers, body }: Refusal): void {
  for (const [name, value] of Object.entries(headers)) {
    // What the app itself exposes to other origins stays exposed.
    if (name.startsWith('access-control-')) response.append(name, value)
    else response.set(name, value)
  }
  response.status(status).json(body)
}
