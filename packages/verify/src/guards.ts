import type { Mandate } from './mandate.js'
import type { Authorization, MandateVerifier } from './mandate-verifier.js'
import { RequestMandates } from './request-mandates.js'
import { checkRequirement, type Requirement, type StepUpRequirement } from './requirement.js'

/** Guards in a framework's own form. Each guard alone is enough: it verifies the mandate if no other has. */
export interface Guards<Guard, Request> {
  /** Lets requests with a mandate for this server through. */
  readonly requireMandate: () => Guard
  /** Lets requests through whose mandate has all these scopes; the others get 403 `insufficient_scope`. */
  readonly requireScope: (...scopes: string[]) => Guard
  /** Lets requests through whose subject was authenticated so; the others get the RFC 9470 challenge. */
  readonly requireStepUp: (requirement: StepUpRequirement) => Guard
  /** All of it in one guard. */
  readonly require: (requirement: Requirement) => Guard
  /** The mandate of a request that a guard let through. */
  readonly mandateOf: (request: Request) => Mandate
}

/** Makes the guards of a framework, where `guard` says how it asks about a request and what it does with the outcome. */
export function guardsOf<Guard, Request extends object>(
  verifier: MandateVerifier,
  guard: (authorize: (request: Request, header: string | undefined) => Promise<Authorization>) => Guard,
): Guards<Guard, Request> {
  const mandates = new RequestMandates(verifier)
  const require = (requirement: Requirement): Guard => {
    checkRequirement(requirement)
    return guard((request, header) => mandates.authorize(request, header, requirement))
  }
  return {
    requireMandate: () => require({}),
    requireScope: (...scopes) => require({ scopes }),
    requireStepUp: require,
    require,
    mandateOf: (request) => mandates.of(request),
  }
}
