const GROWTH = Math.log(1.02)
const LEAST_MS = 0.01

/** Counts of durations in buckets that grow by two percent, so that any percentile is right to within that. */
export class Histogram {
  readonly #counts: number[] = []
  #total = 0

  get total(): number {
    return this.#total
  }

  /** `ms`: milliseconds; what is less than a hundredth of one counts as that. */
  record(ms: number): void {
    const bucket = ms <= LEAST_MS ? 0 : Math.ceil(Math.log(ms / LEAST_MS) / GROWTH)
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#total++
  }

  /** Counts what another has counted, too. */
  add(other: Histogram): void {
    other.#counts.forEach((count, bucket) => {
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count
    })
    this.#total += other.#total
  }

  /** The duration within which a share of all lies, in milliseconds, never too small; NaN for none. `share` from 0 to 1. */
  quantile(share: number): number {
    let seen = 0
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      seen += this.#counts[bucket] ?? 0
      if (seen > 0 && seen >= this.#total * share) return LEAST_MS * Math.exp(bucket * GROWTH)
    }
    return Number.NaN
  }
}
