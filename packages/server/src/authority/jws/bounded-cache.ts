/**
 * A bounded map that forgets what was not used lately. Two generations: what is read moves to the young one, and when
 * that is full the old one is dropped. A read costs one look-up and nothing is kept in order.
 */
export class BoundedCache<V> {
  readonly #generation: number
  #young = new Map<string, V>()
  #old = new Map<string, V>()

  /** Holds at least half of `limit` most lately used entries, and never more than `limit`. */
  constructor(limit: number) {
    this.#generation = Math.max(1, Math.floor(limit / 2))
  }

  get(key: string): V | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: string, value: V): void {
    if (this.#young.size >= this.#generation && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  delete(key: string): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }
}
