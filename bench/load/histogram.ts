/** Counts of durations in buckets that grow by two percent, so that any percentile is right to within that. */
export class Histogram {
  static readonly #growth = Math.log(1.02)
  static readonly #least = 0.01
  readonly #counts = new Map<number, number>()
  #total = 0

  get total(): number {
    return this.#total
  }

  record(ms: number): void {
    const bucket = ms <= Histogram.#least ? 0 : Math.ceil(Math.log(ms / Histogram.#least) / Histogram.#growth)
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1)
    this.#total++
  }

  /** The duration within which a share of all lies, in milliseconds. `share` from 0 to 1. */
  quantile(share: number): number {
    let seen = 0
    for (const bucket of [...this.#counts.keys()].sort((a, b) => a - b)) {
      seen += this.#counts.get(bucket) ?? 0
      if (seen >= this.#total * share) return Histogram.#least * Math.exp(bucket * Histogram.#growth)
    }
    return Number.NaN
  }
}
