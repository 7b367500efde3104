import { withDeadline } from '../deadline.js'
import { baseUrl, type FetchLike, httpOf, send } from '../http.js'
import { isObject } from '../json.js'
import { type Algorithm, fits, type Jwk } from './signature.js'
import { TokenError } from './token-error.js'

/** Where keys come from. Answers those that may verify this algorithm, of this `kid` when the token names one. */
export type KeySource = (wanted: {
  readonly kid: string | undefined
  readonly algorithm: Algorithm
}) => Promise<readonly Jwk[]>

/** How {@link remoteKeys} fetches and remembers. Times are in milliseconds. */
export interface RemoteKeysOptions {
  readonly fetch?: FetchLike
  readonly now?: () => number
  /** How long fetched keys are used without asking again. Default 10 minutes. */
  readonly maxAgeMs?: number
  /** How much longer they are used when the issuer does not answer. Default 15 minutes, the longest life of a mandate. */
  readonly staleMs?: number
  /** The least time between two fetches that unknown keys or failures cause. Default 30 seconds. */
  readonly cooldownMs?: number
  /** The longest a fetch may take. Default 5 seconds. */
  readonly timeoutMs?: number
}

/** Keys known beforehand, from a JWK set. */
export function localKeys(set: { readonly keys: readonly Jwk[] }): KeySource {
  return async (wanted) => pick(set.keys, wanted)
}

/**
 * An issuer's published keys. They are fetched when first needed and when they have aged; a key that is not among them
 * causes one more fetch, so a rotation is noticed at once, and then none until the cooldown is over, so that made-up key
 * ids cannot make this machine flood the issuer.
 *
 * @example
 * ```ts
 * const keys = remoteKeys('https://sts.example/zones/zone-id/.well-known/jwks.json')
 * ```
 * @see https://www.rfc-editor.org/rfc/rfc7517#section-5
 */
export function remoteKeys(url: string, options: RemoteKeysOptions = {}): KeySource {
  const { maxAgeMs = 600_000, staleMs = 900_000, cooldownMs = 30_000 } = options
  const http = httpOf(options, 5_000)
  const address = baseUrl(url)
  let known: { readonly keys: readonly Jwk[]; readonly at: number } | undefined
  let fetching: Promise<void> | undefined
  let triedAt = Number.NEGATIVE_INFINITY
  let failure: unknown

  const refresh = () => {
    fetching ??= withDeadline({ timeoutMs: http.timeoutMs }, async (signal) => {
      triedAt = http.now()
      const reply = await send(http, { method: 'GET', url: address, headers: {} }, signal)
      known = { keys: readKeySet(reply.status, reply.body), at: http.now() }
    })
      .catch((error: unknown) => {
        failure = error
      })
      .finally(() => {
        fetching = undefined
      })
    return fetching
  }
  const age = () => (known ? http.now() - known.at : Number.POSITIVE_INFINITY)
  const mayTry = () => http.now() - triedAt >= (known ? cooldownMs : Math.min(cooldownMs, 1_000))

  return async (wanted) => {
    if (age() > maxAgeMs && (fetching || mayTry())) await refresh()
    if (!known || age() > maxAgeMs + staleMs) {
      throw new TokenError('keys_unavailable', 'The keys of the issuer could not be fetched.', failure)
    }
    const found = pick(known.keys, wanted)
    if (found.length > 0 || !(fetching || mayTry())) return found
    await refresh()
    return pick(known.keys, wanted)
  }
}

function pick(keys: readonly Jwk[], { kid, algorithm }: { kid: string | undefined; algorithm: Algorithm }): Jwk[] {
  return keys.filter((key) => (kid === undefined || key.kid === kid) && fits(key, algorithm))
}

function readKeySet(status: number, body: unknown): readonly Jwk[] {
  if (status !== 200 || !isObject(body) || !Array.isArray(body.keys)) {
    throw new TokenError('keys_unavailable', `The issuer answered ${status} without a JWK set.`)
  }
  return body.keys.filter(isObject)
}
