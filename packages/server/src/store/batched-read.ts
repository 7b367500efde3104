/**
 * Reads many keys in one query. Whoever asks while a query is on its way waits for the next, which starts when this
 * one ends: so an answer was always read after it was asked for, and load makes batches larger, not more numerous.
 *
 * @example
 * ```ts
 * const revisions = new BatchedRead((ids: readonly string[]) => readRevisions(db, ids))
 * const revision = await revisions.ask(zoneId) // undefined when the query did not return the key
 * ```
 */
export class BatchedRead<V, K = string> {
  #next: Batch<V, K> | undefined
  #reading: Promise<unknown> = Promise.resolve()

  constructor(private readonly read: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>) {}

  /** Whoever asks for the same key of the same query waits for the same promise. */
  ask(key: K): Promise<V | undefined> {
    this.#next ??= this.#begin()
    const { answers, found } = this.#next
    let answer = answers.get(key)
    if (answer === undefined) {
      answer = found.then((values) => values.get(key))
      answers.set(key, answer)
    }
    return answer
  }

  #begin(): Batch<V, K> {
    const answers: Batch<V, K>['answers'] = new Map()
    const found = this.#reading.then(nextTurn).then(() => {
      this.#next = undefined
      return this.read([...answers.keys()])
    })
    this.#reading = found.catch(() => {})
    return { answers, found }
  }
}

/** A query that has not begun: who waits for what of it. */
interface Batch<V, K> {
  readonly answers: Map<K, Promise<V | undefined>>
  readonly found: Promise<ReadonlyMap<K, V>>
}

/**
 * Keys that are JSON objects, as one array for `jsonb_to_recordset`: each with its place among them as `n`, by which the
 * rows of the answer name it.
 */
export function numbered(keys: readonly string[]): string {
  return `[${keys.map((key, n) => `{"n":${n},${key.slice(1)}`).join(',')}]`
}

// What is asked for in the same turn of the event loop belongs in the same query: of a node under full load a
// decision then takes 45 µs on the main thread and 4.7 of the database, where it took 48 and 6.4.
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
