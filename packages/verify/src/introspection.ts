import type { Mandate } from './mandate.js'
import type { RevocationCheck } from './revocation.js'

/** How to ask the service. Times are in milliseconds. */
export interface IntrospectionOptions {
  /** The issuer of the zone; its introspection endpoint is asked. */
  readonly issuer: string
  /** The application that serves the resource (`served_by`): to others every mandate is inactive. */
  readonly applicationId: string
  readonly clientSecret: string
  /** How long a yes is believed without asking again. Default 0: every request is asked about. */
  readonly cacheMs?: number | undefined
  /** The longest one question may take. Default 3 seconds. */
  readonly timeoutMs?: number | undefined
  readonly fetch?: typeof fetch | undefined
  readonly now?: (() => number) | undefined
}

const MOST_REMEMBERED = 10_000

/**
 * Asks the service about every mandate, so that a revocation counts at once, for the price of a request. With `cacheMs`
 * it counts that much later.
 *
 * @example
 * ```ts
 * const verifier = new MandateVerifier({
 *   issuer,
 *   resource,
 *   revocation: introspection({ issuer, applicationId, clientSecret, cacheMs: 2_000 }),
 * })
 * ```
 * @see https://www.rfc-editor.org/rfc/rfc7662
 */
export function introspection(options: IntrospectionOptions): RevocationCheck {
  const { cacheMs = 0, now = Date.now } = options
  const known = new Map<string, number>()
  const asking = new Map<string, Promise<boolean>>()

  const ask = async (mandate: Mandate, token: string): Promise<boolean> => {
    const askedAt = now()
    const active = await isActive(options, mandate, token)
    if (active && cacheMs > 0) {
      if (known.size >= MOST_REMEMBERED) known.clear()
      known.set(mandate.id, askedAt + cacheMs)
    }
    return !active
  }

  return (mandate, token) => {
    if ((known.get(mandate.id) ?? 0) > now()) return false
    if (cacheMs <= 0) return ask(mandate, token)
    // Requests that come at once share one question; that is no staler than the cache allows.
    const joined = asking.get(mandate.id)
    if (joined) return joined
    const question = ask(mandate, token).finally(() => asking.delete(mandate.id))
    asking.set(mandate.id, question)
    return question
  }
}

async function isActive(options: IntrospectionOptions, mandate: Mandate, token: string): Promise<boolean> {
  const response = await (options.fetch ?? fetch)(`${options.issuer.replace(/\/+$/, '')}/oauth/2/introspect`, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      token,
      client_id: options.applicationId,
      client_secret: options.clientSecret,
    }).toString(),
    redirect: 'manual',
    signal: AbortSignal.timeout(options.timeoutMs ?? 3_000),
  })
  const answer: unknown = response.status === 200 ? await response.json() : undefined
  if (typeof answer !== 'object' || answer === null || typeof (answer as { active?: unknown }).active !== 'boolean') {
    throw new Error(`The introspection endpoint answered ${response.status}.`)
  }
  const { active, jti } = answer as { active: boolean; jti?: unknown }
  return active && jti === mandate.id
}
