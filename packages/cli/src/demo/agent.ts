import { InteractionRequiredError, type Mandate, OAuthClient, OAuthError, type SettledState } from '@countersign/client'
import { plain } from '../io.js'

/** How an exchange came out. */
export type Exchange =
  | { readonly outcome: 'mandate'; readonly mandate: Mandate }
  | { readonly outcome: 'paused'; readonly challenge: InteractionRequiredError }
  | { readonly outcome: 'refused'; readonly refusal: OAuthError }

/** A refusal in a few words: `401 access_denied, challenge_invalid: …`. */
export function describeRefusal({ status, code, description }: OAuthError): string {
  return plain(`${status} ${code}${description === undefined ? '' : `, ${description}`}`)
}

/** The demo's agent: an application that asks for mandates with its own credentials, through the client like any other. */
export class DemoAgent {
  readonly #client: OAuthClient

  constructor(
    url: string,
    zoneId: string,
    applicationId: string,
    clientSecret: string,
    private readonly signal: AbortSignal,
  ) {
    this.#client = new OAuthClient(url, zoneId, applicationId, { clientSecret, maxCachedTokens: 0 })
  }

  /** Asks for a mandate; with a challenge, as the retry that completes it. */
  async exchange(resource: string, scope: string, challenge?: InteractionRequiredError): Promise<Exchange> {
    try {
      const options = { scopes: [scope], challenge, signal: this.signal }
      return { outcome: 'mandate', mandate: await this.#client.exchange(undefined, resource, options) }
    } catch (error) {
      if (error instanceof InteractionRequiredError) return { outcome: 'paused', challenge: error }
      if (error instanceof OAuthError) return { outcome: 'refused', refusal: error }
      throw error
    }
  }

  /** Waits until somebody has decided, or the challenge is over. Resolves with the state it is then in. */
  wait(challenge: InteractionRequiredError): Promise<SettledState> {
    return this.#client.waitForChallenge(challenge, { signal: this.signal })
  }
}
