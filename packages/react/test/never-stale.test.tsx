import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { neverStale, type Screen } from './support/never-stale.js'
import { forgetsTheUser, lastAnswerWins, ourHooks, resetsInAnEffect } from './support/screens.js'
import { settle, testRoot } from './support/test-renderer.js'

const TTL_MS = 10_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  // The test renderer says of itself that it is deprecated, each time.
  vi.spyOn(console, 'error').mockImplementation(() => {})
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

async function tryOut(
  screen: Screen,
  ttlMs?: number,
  numRuns = 400,
): Promise<{ failed: boolean; why: string; shownAllowed: number }> {
  const tally = { shownAllowed: 0 }
  const world = {
    newRoot: testRoot,
    screen,
    now: Date.now,
    advance: (ms: number) => vi.advanceTimersByTime(ms),
    settle,
    ...(ttlMs === undefined ? {} : { ttlMs }),
  }
  const result = await fc.check(neverStale(world, tally), { numRuns, endOnFailure: true })
  return { failed: result.failed, why: String(result.errorInstance), shownAllowed: tally.shownAllowed }
}

test('allowed is never rendered for a query and user that were not granted, nor after the grant has ended', async () => {
  const { failed, why, shownAllowed } = await tryOut(ourHooks(TTL_MS), TTL_MS)
  expect(failed, why).toBe(false)
  // Nor is it kept by never showing anything.
  expect(shownAllowed).toBeGreaterThan(500)
}, 120_000)

test.each([
  ['resets its state in an effect', resetsInAnEffect],
  ['stores whatever answer comes last', lastAnswerWins],
  ['keeps answers by permission alone', forgetsTheUser],
])('the same promise is broken by an implementation that %s', async (_, screen) => {
  const { failed, why } = await tryOut(screen)
  expect(failed).toBe(true)
  expect(why).toMatch(/was shown/)
})

test('grants that never end are noticed', async () => {
  const { failed, why } = await tryOut(ourHooks(10 * TTL_MS), TTL_MS)
  expect(failed).toBe(true)
  expect(why).toMatch(/after its grant had ended/)
})
