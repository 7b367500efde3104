/**
 * A map that holds the entries used last: at most so many, and at least half of that.
 *
 * In two halves: what is used is in the young one, which becomes the old one when it is full, and what was in the old one
 * until then is dropped. So an entry that is used again is found, and not put back: keeping the exact order cost an
 * exchange 2 % of its time, and a new table each time that the old was full of holes.
 */
export class LruMap<K, V> {
  #young = new Map<K, V>()
  #old = new Map<K, V>()

  constructor(private readonly most: number) {}

  get(key: K): V | undefined {
    const value = this.#young.get(key)
    if (value !== undefined) return value
    const older = this.#old.get(key)
    if (older !== undefined) this.set(key, older)
    return older
  }

  set(key: K, value: V): void {
    this.#old.delete(key)
    this.#young.set(key, value)
    if (this.#young.size * 2 < this.most) return
    this.#old = this.#young
    this.#young = new Map()
  }

  delete(key: K): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }

  clear(): void {
    this.#young.clear()
    this.#old.clear()
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }
}
