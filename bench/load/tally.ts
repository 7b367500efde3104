import type { Answer } from './answer-reader.js'
import { Histogram } from './histogram.js'

/** What a run of load saw. */
export interface LoadResult {
  readonly requests: number
  readonly seconds: number
  /** How many answers there were of each status. */
  readonly statuses: ReadonlyMap<number, number>
  /** Of answers with a status below 500, in milliseconds. */
  readonly latency: Histogram
  /** Of answers with a status from 500, in milliseconds. */
  readonly refusedLatency: Histogram
  /** How many of those said when to come back. */
  readonly refusedWithRetryAfter: number
}

/** Counts answers as they come. */
export class Tally {
  readonly latency = new Histogram()
  readonly refusedLatency = new Histogram()
  readonly statuses = new Map<number, number>()
  refusedWithRetryAfter = 0

  add({ status, retryAfter }: Answer, ms: number): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
    if (status < 500) this.latency.record(ms)
    else {
      this.refusedLatency.record(ms)
      if (retryAfter) this.refusedWithRetryAfter++
    }
  }

  result(seconds: number): LoadResult {
    const { latency, refusedLatency, statuses, refusedWithRetryAfter } = this
    return {
      requests: latency.total + refusedLatency.total,
      seconds,
      statuses,
      latency,
      refusedLatency,
      refusedWithRetryAfter,
    }
  }
}

/** A run whose answers are not what they must be: its figures would mean nothing. */
export class BrokenRun extends Error {
  override readonly name = 'BrokenRun'
}

/** @throws BrokenRun when there is no answer, or any has another status */
export function expectOnly(what: string, result: Pick<LoadResult, 'requests' | 'statuses'>, status: number): void {
  const others = [...result.statuses].filter(([seen]) => seen !== status)
  if (others.length === 0 && result.requests > 0) return
  const seen = others.map(([other, count]) => `${count} × ${other}`).join(', ')
  throw new BrokenRun(`${what}: ${seen === '' ? 'no answers' : seen}, where all must be ${status}`)
}
