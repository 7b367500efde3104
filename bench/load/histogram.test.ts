import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Histogram } from './histogram.js'

const durations = fc.array(fc.double({ min: 0.01, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 200 })

describe('a histogram', () => {
  it('says of any percentile at least what it is, and at most two percent more', () => {
    fc.assert(
      fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (values, share) => {
        const histogram = new Histogram()
        for (const value of values) histogram.record(value)
        const sorted = [...values].sort((a, b) => a - b)
        const exact = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
        const said = histogram.quantile(share)
        expect(said).toBeGreaterThanOrEqual(exact * (1 - 1e-9))
        expect(said).toBeLessThanOrEqual(exact * 1.02 * (1 + 1e-9))
      }),
    )
  })

  it('counts what it is given', () => {
    const histogram = new Histogram()
    for (const ms of [1, 2, 0]) histogram.record(ms)
    expect(histogram.total).toBe(3)
  })

  it('counts what another has counted as if it had been told of each', () => {
    fc.assert(
      fc.property(durations, durations, fc.double({ min: 0, max: 1, noNaN: true }), (some, others, share) => {
        const [whole, part, rest] = [new Histogram(), new Histogram(), new Histogram()]
        for (const ms of [...some, ...others]) whole.record(ms)
        for (const ms of some) part.record(ms)
        for (const ms of others) rest.record(ms)
        part.add(rest)
        expect(part.total).toBe(whole.total)
        expect(part.quantile(share)).toBe(whole.quantile(share))
      }),
    )
  })

  it('has no percentile of nothing', () => {
    expect(new Histogram().quantile(0.5)).toBeNaN()
  })
})
