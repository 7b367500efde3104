import { BrokenRun } from '../load/tally.js'
import type { Row } from './row.js'

/** What no noise explains: a service hundreds of times slower or faster than what it is measured against. */
const LEAST_RATIO = 0.002
const MOST_RATIO = 500

/**
 * Looks at the rows of a run so short that its figures mean nothing.
 *
 * @throws BrokenRun for a row without figures, or with such as only a mistake can bring about
 */
export function expectSane(rows: readonly Row[]): void {
  if (rows.length === 0) throw new BrokenRun('there are no rows')
  for (const { name, rps, p50Ms, p99Ms, ratio } of rows) {
    for (const value of [rps, p50Ms, p99Ms, ratio]) {
      if (value !== null && !(value > 0 && Number.isFinite(value))) throw new BrokenRun(`${name}: a figure is ${value}`)
    }
    if (p50Ms !== null && p99Ms !== null && p99Ms < p50Ms) throw new BrokenRun(`${name}: p99 is below p50`)
    if (ratio !== null && (ratio < LEAST_RATIO || ratio > MOST_RATIO))
      throw new BrokenRun(`${name}: the ratio is ${ratio}`)
  }
}
