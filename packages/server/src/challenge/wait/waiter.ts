/** Someone who waits for a challenge: asleep until news, an end of their patience, or the challenge's expiry. */
export class Waiter {
  #released = false
  #news = false
  #rouse: (() => void) | undefined

  constructor(
    readonly challenge: string,
    readonly application: string,
  ) {}

  /** Whether this waiter is to be answered with whatever holds now. */
  get released(): boolean {
    return this.#released
  }

  /** Something may have changed: look again. */
  wake(): void {
    this.#news = true
    this.#rouse?.()
  }

  /** Look once more, then answer. */
  release(): void {
    this.#released = true
    this.wake()
  }

  /** To be called before looking: only news from here on counts as new. */
  look(): void {
    this.#news = false
  }

  /** Sleeps for `ms` at most; not at all when news came since {@link look}. */
  sleep(ms: number): Promise<void> {
    if (this.#news) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#rouse = undefined
        resolve()
      }
      const timer = setTimeout(done, ms)
      this.#rouse = done
    })
  }
}
