import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Sample } from './sample.js'

test('all allows of a turn are drawn together, each turn anew', async () => {
  const numbers = [0.2, 0.8, 0.2]
  const sample = new Sample(() => numbers.shift() ?? 0)
  expect([sample.has(0.5), sample.has(0.5), sample.has(0.1)]).toEqual([true, true, false])
  await nextTurn()
  expect([sample.has(0.5), sample.has(0.9)]).toEqual([false, true])
  await nextTurn()
  expect(sample.has(0.5)).toBe(true)
})

test('an allow is drawn as often as its zone wants', async () => {
  const sample = new Sample()
  const drawn = { none: 0, some: 0, all: 0 }
  for (let turn = 0; turn < 4_000; turn++) {
    if (sample.has(0)) drawn.none++
    if (sample.has(0.25)) drawn.some++
    if (sample.has(1)) drawn.all++
    await nextTurn()
  }
  expect(drawn).toMatchObject({ none: 0, all: 4_000 })
  expect(drawn.some).toBeGreaterThan(800)
  expect(drawn.some).toBeLessThan(1_200)
})
