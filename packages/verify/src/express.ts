import type { Request, RequestHandler, Response } from 'express'
import type { Mandate } from './mandate.js'
import type { MandateVerifier } from './mandate-verifier.js'
import type { Refusal } from './refusal.js'
import { RequestMandates } from './request-mandates.js'
import { checkRequirement, type Requirement, type StepUpRequirement } from './requirement.js'

/** Guards for Express 5. Each guard alone is enough: it verifies the mandate if no other has. */
export interface ExpressMandates {
  /** Serves the RFC 9728 metadata. Use it on the app itself, before the guards. */
  readonly metadata: RequestHandler
  /** Lets requests with a mandate for this server through. */
  readonly requireMandate: () => RequestHandler
  /** Lets requests through whose mandate has all these scopes; the others get 403 `insufficient_scope`. */
  readonly requireScope: (...scopes: string[]) => RequestHandler
  /** Lets requests through whose subject was authenticated so; the others get the RFC 9470 challenge. */
  readonly requireStepUp: (requirement: StepUpRequirement) => RequestHandler
  /** All of it in one guard. */
  readonly require: (requirement: Requirement) => RequestHandler
  /** The mandate of a request that a guard let through. */
  readonly mandateOf: (request: Request) => Mandate
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
  const mandates = new RequestMandates(verifier)
  const guard = (requirement: Requirement): RequestHandler => {
    checkRequirement(requirement)
    return async (request, response, next) => {
      const outcome = await mandates.authorize(request, request.headers.authorization, requirement)
      if (outcome.ok) next()
      else sendRefusal(response, outcome.refusal)
    }
  }
  return {
    metadata: serveMetadata(verifier),
    requireMandate: () => guard({}),
    requireScope: (...scopes) => guard({ scopes }),
    requireStepUp: (requirement) => guard(requirement),
    require: guard,
    mandateOf: (request) => mandates.of(request),
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
    response
      .set({ 'cache-control': 'public, max-age=3600', 'access-control-allow-origin': '*' })
      .json(verifier.metadata)
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
