/**
 * Draws which allows are recorded, with one number for all that is decided in a turn of the event loop: an allow is drawn as
 * often as its zone wants, and those of a turn that are share a commit. Drawn one by one almost each had a commit of its own,
 * and the one in a hundred that is recorded took a sixth of the time of all.
 */
export class Sample {
  #drawn: number | undefined

  /** @param random gives numbers from 0 to below 1 */
  constructor(private readonly random: () => number = Math.random) {}

  /** Whether an allow is recorded now. `share` from 0, never, to 1, always. */
  has(share: number): boolean {
    if (this.#drawn === undefined) {
      this.#drawn = this.random()
      setImmediate(() => {
        this.#drawn = undefined
      })
    }
    return this.#drawn < share
  }
}
