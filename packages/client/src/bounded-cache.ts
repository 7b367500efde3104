/** A map that forgets: entries end at their time, and the least recently used go first when it is full. */
export class BoundedCache<V> {
  #entries = new Map<string, { readonly value: V; readonly until: number }>()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  /** The value under `key` if it is still good at `now` (milliseconds). */
  get(key: string, now: number): V | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    if (entry.until <= now) return undefined
    this.#entries.set(key, entry)
    return entry.value
  }

  /** Keeps `value` until the instant `until` (milliseconds). */
  set(key: string, value: V, until: number): void {
    this.#entries.delete(key)
    this.#entries.set(key, { value, until })
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#limit) return
      this.#entries.delete(oldest)
    }
  }

  clear(): void {
    this.#entries.clear()
  }
}
