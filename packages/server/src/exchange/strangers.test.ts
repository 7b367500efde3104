import { expect, test } from 'vitest'
import { Strangers } from './strangers.js'

const MINUTE = 60_000
const stranger = { zoneId: 'z', ip: '192.0.2.1', reason: 'wrong_secret', endpoint: 'token', requestId: 'r' }

/** So many failures at once; how many of them are events of their own. */
function fail(strangers: Strangers, times: number, now: number): number {
  return Array.from({ length: times }, () => strangers.failure({ ...stranger, now })).filter(Boolean).length
}

function counted(strangers: Strangers, now: number, all = false): unknown[] {
  return strangers.summaries(now, all).map(({ canonical }) => JSON.parse(canonical).count)
}

test('the first ten of each minute are recorded, also before the minute before was summed up, and nothing is lost', () => {
  const strangers = new Strangers()
  expect(fail(strangers, 25, MINUTE)).toBe(10)
  expect(fail(strangers, 3, 2 * MINUTE - 1)).toBe(0)
  expect(counted(strangers, 2 * MINUTE - 1)).toEqual([])
  expect(fail(strangers, 12, 2 * MINUTE)).toBe(10)
  expect(fail(strangers, 11, 3 * MINUTE)).toBe(10)
  expect(counted(strangers, 3 * MINUTE + 1)).toEqual([18, 2])
  expect(counted(strangers, 3 * MINUTE + 2)).toEqual([])
  expect(counted(strangers, 3 * MINUTE + 3, true)).toEqual([1])
})
