import { GuardedAgent, type GuardedAgentOptions } from '../../outbound/guarded-agent.js'
import { type KeySet, keySetOf } from '../jws/key-set.js'
import type { SubjectIssuer } from '../snapshot.js'
import { fetchJwks, type JwksFailure } from './fetch-jwks.js'

/** Fetched keys are looked at again after this long, without anyone waiting. In milliseconds, as all here. */
const REFRESH_AFTER = 5 * 60_000
/** Older keys are refetched before use. */
const FRESH_FOR = 10 * 60_000
/** The oldest keys used when the issuer is down. */
const STALE_FOR = 60 * 60_000
/** An unknown `kid` makes the keys be fetched again, at most this often. */
const COOLDOWN = 30_000
/** How long a failed fetch is not repeated. */
const FAILURE_COOLDOWN = 10_000
/** How many may wait for one issuer's answer, and for those of all: for who comes then there are no keys to be had. */
const MOST_WAITING = 256
const MOST_WAITING_IN_ALL = 1_024

export interface IssuerKeysOptions extends GuardedAgentOptions {
  /** Told of each fetch that failed. */
  readonly onFailure?: (issuer: SubjectIssuer, reason: JwksFailure) => void
}

interface Held {
  keys: KeySet | undefined
  text: string
  fetchedAt: number
  triedAt: number
  failed: boolean
  fetching: Promise<void> | undefined
  waiting: number
}

/**
 * The keys of trusted issuers. What was fetched hangs on the issuer's row, so an edited issuer starts anew and zones
 * share nothing, not even a cooldown.
 *
 * @example
 * ```ts
 * const issuerKeys = new IssuerKeys({ allowPrivateAddresses: config.allowPrivateAddresses })
 * ```
 */
export class IssuerKeys {
  readonly #agent: GuardedAgent
  readonly #held = new WeakMap<SubjectIssuer, Held>()
  #waiting = 0

  constructor(private readonly options: IssuerKeysOptions) {
    this.#agent = new GuardedAgent(options)
  }

  /** How many wait for an issuer to answer. */
  get waiting(): number {
    return this.#waiting
  }

  /**
   * The issuer's keys as they should be used now. `now` in milliseconds. The set is the same object for as long as its
   * content is the same.
   *
   * @returns at once when they are held and fresh; undefined when there are none and none can be had
   */
  current(issuer: SubjectIssuer, now: number): KeySet | undefined | Promise<KeySet | undefined> {
    if (issuer.jwks !== null) return keySetOf(issuer.jwks)
    if (issuer.jwksUri === null) return undefined
    const held = this.#heldFor(issuer)
    const usable = usableKeys(held, now)
    const age = now - held.fetchedAt
    if (usable !== undefined && (age < FRESH_FOR || held.failed)) {
      if (age >= REFRESH_AFTER) void this.#fetch(issuer, held, now, FAILURE_COOLDOWN)
      return usable
    }
    return this.#await(held, this.#fetch(issuer, held, now, FAILURE_COOLDOWN)).then(() => usableKeys(held, now))
  }

  /** The keys after another look at the issuer, for a token whose key is not among them; the same within the cooldown. */
  async refetched(issuer: SubjectIssuer, now: number): Promise<KeySet | undefined> {
    if (issuer.jwks !== null) return keySetOf(issuer.jwks)
    const held = this.#heldFor(issuer)
    await this.#await(held, this.#fetch(issuer, held, now, COOLDOWN))
    return usableKeys(held, now)
  }

  /** Closes connections; what is being fetched fails. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  #heldFor(issuer: SubjectIssuer): Held {
    let held = this.#held.get(issuer)
    if (held === undefined) {
      const never = Number.NEGATIVE_INFINITY
      held = {
        keys: undefined,
        text: '',
        fetchedAt: never,
        triedAt: never,
        failed: false,
        fetching: undefined,
        waiting: 0,
      }
      this.#held.set(issuer, held)
    }
    return held
  }

  async #await(held: Held, fetching: Promise<void>): Promise<void> {
    if (held.waiting >= MOST_WAITING || this.#waiting >= MOST_WAITING_IN_ALL) return
    held.waiting++
    this.#waiting++
    try {
      await fetching
    } finally {
      held.waiting--
      this.#waiting--
    }
  }

  // One fetch at a time for an issuer: whoever comes meanwhile waits for it.
  #fetch(issuer: SubjectIssuer, held: Held, now: number, cooldown: number): Promise<void> {
    if (held.fetching !== undefined) return held.fetching
    if (issuer.jwksUri === null || now - held.triedAt < cooldown) return Promise.resolve()
    held.triedAt = now
    held.fetching = this.#load(issuer, issuer.jwksUri, held, now).finally(() => {
      held.fetching = undefined
    })
    return held.fetching
  }

  async #load(issuer: SubjectIssuer, uri: string, held: Held, now: number): Promise<void> {
    const { allowPrivateAddresses } = this.options
    const answer = await fetchJwks(uri, { agent: this.#agent, allowHttp: allowPrivateAddresses })
    held.failed = answer.kind === 'failed'
    if (answer.kind === 'failed') {
      this.options.onFailure?.(issuer, answer.reason)
      return
    }
    held.fetchedAt = now
    if (held.keys !== undefined && answer.text === held.text) return
    held.text = answer.text
    held.keys = keySetOf(answer.jwks)
  }
}

function usableKeys(held: Held, now: number): KeySet | undefined {
  return now - held.fetchedAt < STALE_FOR ? held.keys : undefined
}
