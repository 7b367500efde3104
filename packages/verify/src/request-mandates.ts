import type { Mandate } from './mandate.js'
import type { Authorization, MandateVerifier } from './mandate-verifier.js'
import type { Requirement } from './requirement.js'

/**
 * The mandates of requests under way. Each is verified once, whichever guard comes first; they are kept beside the
 * requests, where nothing that a request brings along can pass for one.
 */
export class RequestMandates {
  readonly verifier: MandateVerifier
  readonly #outcomes = new WeakMap<object, Promise<Authorization>>()
  readonly #mandates = new WeakMap<object, Mandate>()

  constructor(verifier: MandateVerifier) {
    this.verifier = verifier
  }

  /** Judges a request against a requirement. */
  async authorize(
    request: object,
    header: string | null | undefined,
    requirement: Requirement,
  ): Promise<Authorization> {
    let outcome = this.#outcomes.get(request)
    if (!outcome) {
      outcome = this.verifier.authorize(header)
      this.#outcomes.set(request, outcome)
    }
    const verified = await outcome
    if (!verified.ok) return verified
    const judged = this.verifier.judge(verified.mandate, requirement)
    if (judged.ok) this.#mandates.set(request, judged.mandate)
    return judged
  }

  /**
   * The mandate of a request that a guard let through.
   *
   * @throws Error when none did: the route is not protected.
   */
  of(request: object): Mandate {
    const mandate = this.#mandates.get(request)
    if (!mandate) throw new Error('No guard let this request through: put one in front of the handler.')
    return mandate
  }
}
