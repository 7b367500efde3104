import { type PauseResponse, TOKEN_EXCHANGE, TOKEN_TYPES, type TokenResponse } from '@countersign/protocol'
import { CliError } from '../cli-error.js'
import { member, request, text } from '../http/request.js'
import { plain } from '../io.js'

/** What the token endpoint answered. */
export type Exchange =
  | { readonly outcome: 'mandate'; readonly body: TokenResponse }
  | { readonly outcome: 'paused'; readonly body: PauseResponse }
  | { readonly outcome: 'refused'; readonly status: number; readonly error: string; readonly description: string }

/** A refusal in a few words: `401 access_denied, challenge_invalid: …`. */
export function describeRefusal(refusal: Extract<Exchange, { outcome: 'refused' }>): string {
  const { status, error, description } = refusal
  return `${status} ${error}${description === '' ? '' : `, ${description}`}`
}

/** A pause's challenge, as the agent holds it: the secret is its own alone. */
export interface HeldChallenge {
  readonly id: string
  readonly secret: string
  readonly expiresAt: number
}

/** How long one wait for a decision may take, in seconds; the service answers by then. */
const WAIT_SECONDS = 25

/** The demo's agent: an application that asks for mandates with its own credentials, over HTTP like any other. */
export class DemoAgent {
  readonly #zone: URL
  readonly #basic: string

  constructor(
    url: string,
    zoneId: string,
    private readonly applicationId: string,
    clientSecret: string,
    private readonly signal?: AbortSignal,
  ) {
    this.#zone = new URL(`/zones/${zoneId}/`, url)
    const [id, secret] = [applicationId, clientSecret].map(encodeURIComponent)
    this.#basic = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
  }

  /** Asks for a mandate; with a challenge, as the retry that completes it. */
  async exchange(resource: string, scope: string, challenge?: HeldChallenge): Promise<Exchange> {
    const form = new URLSearchParams({
      grant_type: TOKEN_EXCHANGE,
      client_id: this.applicationId,
      requested_token_type: TOKEN_TYPES.accessToken,
      resource,
      scope,
      ...(challenge !== undefined && { challenge_id: challenge.id, challenge_response: challenge.secret }),
    })
    const { status, body } = await request(new URL('oauth/2/token', this.#zone), {
      method: 'POST',
      headers: { authorization: this.#basic, 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
      signal: this.signal,
    })
    if (status === 200) return { outcome: 'mandate', body: body as TokenResponse }
    const error = text(body, 'error')
    if (error === 'interaction_required') return { outcome: 'paused', body: body as PauseResponse }
    return { outcome: 'refused', status, error, description: plain(String(member(body, 'error_description') ?? '')) }
  }

  /** Waits until somebody has decided, or the challenge is over. Resolves with the state it is then in. */
  async wait(challenge: HeldChallenge): Promise<string> {
    const url = new URL(`oauth/2/challenges/${challenge.id}?wait=${WAIT_SECONDS}`, this.#zone)
    for (;;) {
      const { status, body } = await request(url, {
        headers: { authorization: `Bearer ${challenge.secret}` },
        signal: this.signal,
        timeoutMs: (WAIT_SECONDS + 10) * 1000,
      })
      if (status !== 200) throw new CliError(`Waiting for the decision failed with status ${status}.`)
      const state = text(body, 'state')
      if (state !== 'pending') return state
    }
  }
}

/** The challenge of a pause. @throws CliError when it comes without a secret. */
export function heldChallenge(pause: PauseResponse): HeldChallenge {
  const { challenge_id: id, challenge_secret: secret, challenge_expires_at } = pause
  if (secret === undefined) throw new CliError('The pause came without a challenge_secret.')
  return { id, secret, expiresAt: Date.parse(challenge_expires_at) }
}
