import { BoundedCache } from './bounded-cache.js'
import { withDeadline } from './deadline.js'
import {
  type ClientCredentials,
  type ExchangeOptions,
  type ExchangeRequest,
  exchangeBody,
  exchangeRequest,
} from './exchange-request.js'
import { baseUrl, type Http, type HttpOptions, httpOf, send, sendRetrying } from './http.js'
import type { ChallengeProof, InteractionRequiredError } from './interaction-required-error.js'
import { SingleFlight } from './single-flight.js'
import { stepUpLoop } from './step-up-loop.js'
import { type Mandate, readTokenAnswer } from './token-answer.js'
import { type SettledState, type WaitOptions, waitForChallenge } from './wait-for-challenge.js'

/** Settings of an {@link OAuthClient}. Credentials here are the default of every exchange. */
export interface OAuthClientOptions extends HttpOptions, ClientCredentials {
  /** How many mandates to keep. Default 500; 0 keeps none. */
  readonly maxCachedTokens?: number
}

/** What `exchangeWithStepUp` needs beside the exchange itself. */
export interface StepUpOptions extends Omit<ExchangeOptions, 'challenge'> {
  /**
   * Called for each challenge, while the client already waits for its outcome: show it, open its page, ask for a passkey.
   * Rejecting cancels the challenge and ends the call with that error. `signal` fires when the challenge is over.
   */
  readonly onChallenge: (
    challenge: InteractionRequiredError,
    context: { readonly signal: AbortSignal },
  ) => void | Promise<void>
  readonly onState?: WaitOptions['onState']
}

// A mandate with less life than this is not worth handing out: the gateway refuses those under 30 s.
const FRESH_MS = 30_000

/**
 * Exchanges tokens for mandates at a zone's token endpoint (RFC 8693).
 *
 * @example
 * ```ts
 * const client = new OAuthClient('https://sts.example', 'zone-id', 'application-id', { clientSecret })
 * const mandate = await client.exchange(userToken, 'https://bank.example/transfers', { scopes: ['transfer'] })
 * ```
 * @see https://www.rfc-editor.org/rfc/rfc8693
 */
export class OAuthClient {
  readonly #http: Http
  readonly #zoneUrl: string
  readonly #zoneId: string
  readonly #applicationId: string
  readonly #credentials: ClientCredentials
  readonly #flights = new SingleFlight<Mandate>()
  #cache: BoundedCache<Mandate>
  readonly #maxCached: number

  /** @throws CountersignError `invalid_option` when the URL cannot be one. */
  constructor(stsUrl: string, zoneId: string, applicationId: string, options: OAuthClientOptions = {}) {
    this.#http = httpOf(options, 30_000)
    this.#zoneUrl = `${baseUrl(stsUrl)}/zones/${encodeURIComponent(zoneId)}/oauth/2`
    this.#zoneId = zoneId
    this.#applicationId = applicationId
    this.#credentials = options
    this.#maxCached = options.maxCachedTokens ?? 500
    this.#cache = new BoundedCache(this.#maxCached)
  }

  /**
   * Exchanges a token for a mandate. Without `resource` it is a session mandate; without `subjectToken` it is for the
   * application itself. A mandate that is still good is served from memory; the same exchange asked for twice at once is
   * made once.
   *
   * @throws InteractionRequiredError when the exchange is paused for a step-up.
   * @throws OAuthError when it is refused.
   * @throws CountersignError `timeout`, `aborted`, `transport`, `invalid_option`, `invalid_response`.
   */
  async exchange(
    subjectToken?: string,
    resource?: string | readonly string[],
    options: ExchangeOptions = {},
  ): Promise<Mandate> {
    const request = this.#request(subjectToken, resource, options)
    const cached = request.cacheable ? this.#cached(request) : undefined
    if (cached) return cached
    const limit = { timeoutMs: options.timeoutMs ?? this.#http.timeoutMs, signal: options.signal }
    return withDeadline(limit, (signal) =>
      // `cache: false` asks for a mandate of its own, so it shares nothing.
      options.cache === false
        ? this.#exchange(request, options.challenge, limit.timeoutMs, signal)
        : this.#flights.run(request.key, signal, (shared) =>
            this.#exchange(request, options.challenge, limit.timeoutMs, shared),
          ),
    )
  }

  /**
   * Exchanges, and drives whatever challenges the service answers with until there is a mandate. Callers that ask for
   * the same exchange meanwhile join it: one prompt, one mandate.
   *
   * @example
   * ```ts
   * const mandate = await client.exchangeWithStepUp(userToken, 'https://bank.example/transfers', {
   *   onChallenge: (challenge) => showBanner(`Confirm on your phone (${challenge.challengeType})`),
   * })
   * ```
   * @throws CountersignError `challenge_rejected`, `challenge_expired`, `challenge_consumed`, and all that `exchange` throws.
   */
  async exchangeWithStepUp(
    subjectToken: string | undefined,
    resource: string | readonly string[] | undefined,
    options: StepUpOptions,
  ): Promise<Mandate> {
    const { onChallenge, onState, signal: own, ...rest } = options
    const { key } = this.#request(subjectToken, resource, rest)
    return this.#flights.run(`step-up ${key}`, own, (signal) =>
      stepUpLoop(
        (challenge) => this.exchange(subjectToken, resource, { ...rest, signal, challenge }),
        (challenge) => this.#settle(challenge, { onChallenge, onState, signal }),
      ),
    )
  }

  /**
   * Waits until a challenge is satisfied, rejected, expired or consumed, and says which.
   *
   * @throws CountersignError `aborted`, `challenge_unknown`, `transport`.
   */
  waitForChallenge(
    challenge: ChallengeProof & { readonly expiresAt?: number },
    options: WaitOptions = {},
  ): Promise<SettledState> {
    return waitForChallenge(this.#http, this.#challengeUrl(challenge), challenge, options)
  }

  /** Withdraws a challenge that nobody will answer any more. One that is already over is left as it is. */
  async cancelChallenge(challenge: ChallengeProof, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const headers = { authorization: `Bearer ${challenge.challengeSecret}` }
    await withDeadline({ timeoutMs: this.#http.timeoutMs, signal: options.signal }, (signal) =>
      send(this.#http, { method: 'DELETE', url: this.#challengeUrl(challenge), headers }, signal),
    )
  }

  /** Forgets every mandate, for instance at sign-out. What is under way is not kept either. */
  clearCache(): void {
    // A new object, so that an exchange begun before fills the one that nobody reads.
    this.#cache = new BoundedCache(this.#maxCached)
    this.#flights.clear()
  }

  #request(
    subjectToken: string | undefined,
    resource: string | readonly string[] | undefined,
    options: ExchangeOptions,
  ): ExchangeRequest {
    const own = options.clientSecret !== undefined || options.clientAssertion !== undefined
    const { clientSecret, clientAssertion } = own ? options : this.#credentials
    return exchangeRequest(this.#zoneId, this.#applicationId, subjectToken, resource, {
      ...options,
      clientSecret,
      clientAssertion,
    })
  }

  #cached(request: ExchangeRequest): Mandate | undefined {
    return this.#cache.get(request.key, this.#http.now())
  }

  async #exchange(
    request: ExchangeRequest,
    resumed: ChallengeProof | undefined,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Mandate> {
    const cache = this.#cache
    const startedAt = this.#http.now()
    // One key for all attempts: if an answer was lost, the repeat gets the same mandate instead of a second one.
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      'idempotency-key': idempotencyKey(this.#http.random),
    }
    const reply = await sendRetrying(
      this.#http,
      async () => ({ method: 'POST', url: `${this.#zoneUrl}/token`, headers, body: await exchangeBody(request) }),
      // A given assertion is used up by its first attempt, whether or not the answer arrived.
      {
        signal,
        deadline: startedAt + timeoutMs,
        repeatable: typeof request.credentials.clientAssertion !== 'string',
      },
    )
    const mandate = readTokenAnswer(reply, startedAt, resumed)
    // Mandates from before say what the session was before.
    if (request.raises) this.clearCache()
    if (request.cacheable) cache.set(request.key, mandate, mandate.expiresAt - FRESH_MS)
    return mandate
  }

  async #settle(
    challenge: InteractionRequiredError,
    { onChallenge, onState, signal }: Pick<StepUpOptions, 'onChallenge' | 'onState' | 'signal'>,
  ): Promise<SettledState> {
    const over = new AbortController()
    const end = () => over.abort()
    signal?.addEventListener('abort', end)
    try {
      const waiting = this.waitForChallenge(challenge, { signal: over.signal, onState })
      const asking = (async () => onChallenge(challenge, { signal: over.signal }))()
      // The outcome is the service's to tell; the callback can only give up.
      return await Promise.race([waiting, asking.then(() => waiting)])
    } catch (error) {
      // Nobody waits for the withdrawal: the caller has its error, and an unanswered challenge expires by itself.
      this.cancelChallenge(challenge).catch(() => {})
      throw error
    } finally {
      signal?.removeEventListener('abort', end)
      end()
    }
  }

  #challengeUrl(challenge: ChallengeProof): string {
    return `${this.#zoneUrl}/challenges/${encodeURIComponent(challenge.challengeId)}`
  }
}

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz'

function idempotencyKey(random: () => number): string {
  let key = ''
  for (let i = 0; i < 32; i++) key += ALPHABET[Math.floor(random() * ALPHABET.length)] ?? '0'
  return key
}
