import type { FetchLike } from './http.js'
import { type StepUpDemand, stepUpDemand } from './step-up-response.js'

/** How {@link stepUpFetch} gets its tokens. */
export interface StepUpFetchOptions {
  /** The token to call with. */
  readonly token: (context: { readonly signal: AbortSignal | undefined }) => string | Promise<string>
  /** Does what the resource server demands and answers the token to repeat the call with. Rejecting ends the call. */
  readonly stepUp: (
    demand: StepUpDemand,
    context: { readonly signal: AbortSignal | undefined },
  ) => string | Promise<string>
  /** Default: the platform's. */
  readonly fetch?: FetchLike
}

/**
 * A `fetch` that calls with a bearer token and, when the resource server answers that the authentication is not strong or
 * fresh enough, runs the step-up and repeats the call once. What the server answers then is the answer, whatever it is.
 * A body that can be read only once is not sent again: the caller gets the 401.
 *
 * @example
 * ```ts
 * const token = async () => (await client.exchange(session, resource)).accessToken
 * const api = stepUpFetch({
 *   token,
 *   stepUp: async ({ acrValues, maxAge }) => {
 *     await client.exchangeWithStepUp(session, undefined, { acrValues, maxAge, onChallenge })
 *     return token()
 *   },
 * })
 * await api('https://bank.example/transfers', { method: 'POST', body: '{"amount":100}' })
 * ```
 * @see https://www.rfc-editor.org/rfc/rfc9470#section-4
 */
export function stepUpFetch(options: StepUpFetchOptions): (url: string, init?: RequestInit) => Promise<Response> {
  return async (url, init = {}) => {
    const context = { signal: init.signal ?? undefined }
    const call = (token: string) => {
      const headers = new Headers(init.headers)
      headers.set('authorization', `Bearer ${token}`)
      return (options.fetch ?? fetch)(url, { ...init, headers })
    }
    const answer = await call(await options.token(context))
    const demand = stepUpDemand(answer)
    if (!demand || isStream(init.body)) return answer
    // Not read, and not needed: let the connection go.
    answer.body?.cancel().catch(() => {})
    return call(await options.stepUp(demand, context))
  }
}

function isStream(body: unknown): boolean {
  return typeof body === 'object' && body !== null && ('getReader' in body || Symbol.asyncIterator in body)
}
