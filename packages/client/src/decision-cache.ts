import { BoundedCache } from './bounded-cache.js'
import type { Decision } from './decision.js'

/** How long and how much to remember. */
export interface DecisionCacheOptions {
  /** How long an answer may be repeated, in milliseconds. A revocation is noticed this much later. */
  readonly ttlMs: number
  /** Default 1,000. */
  readonly maxEntries?: number
}

/**
 * Remembers answers of one policy version. A higher one empties it, since the same question may now be answered
 * differently; a lower one comes from a node that is behind, and is not remembered.
 */
export class DecisionCache {
  readonly #options: DecisionCacheOptions
  #entries: BoundedCache<Decision>
  #version = -1

  constructor(options: DecisionCacheOptions) {
    this.#options = options
    this.#entries = this.#empty()
  }

  get(key: string, now: number): Decision | undefined {
    return this.#entries.get(key, now)
  }

  /** What a question asked now may fill later: nothing, if the cache is emptied meanwhile. */
  filler(): (key: string, decision: Decision, now: number) => void {
    // Emptying replaces the map, so what was asked before fills one that nobody reads.
    const entries = this.#entries
    return (key, decision, now) => {
      if (this.isNewest(decision)) entries.set(key, decision, now + this.#options.ttlMs)
    }
  }

  clear(): void {
    this.#entries = this.#empty()
  }

  /** Whether the decision is of the newest version seen; one that is newer than all before empties the cache. */
  isNewest(decision: Decision): boolean {
    if (decision.status === 'unavailable' || decision.policyVersion === null) return false
    if (decision.policyVersion > this.#version) {
      this.#version = decision.policyVersion
      // Emptied, not replaced: the answer that brought the news may stay.
      this.#entries.clear()
    }
    return decision.policyVersion === this.#version
  }

  #empty(): BoundedCache<Decision> {
    return new BoundedCache(this.#options.maxEntries ?? 1_000)
  }
}
