import { expect, test } from 'vitest'
import { andThen, andThenEach } from './eventual.js'

test('what is there is gone on with in the same turn, and so is one alone', () => {
  expect(andThen(1, (value) => value + 1)).toBe(2)
  expect(andThenEach([1], (value) => value + 1)).toEqual([2])
  expect(() =>
    andThenEach([1], () => {
      throw new Error('refused')
    }),
  ).toThrow('refused')
})

test('several keep their order, whichever comes first', async () => {
  const late = new Promise<number>((resolve) => setTimeout(() => resolve(2), 2))
  expect(await andThenEach([1, 2, 3], (value) => (value === 1 ? late : value * 2))).toEqual([2, 4, 6])
  expect(await andThenEach([], (value) => value)).toEqual([])
})

test('one that is refused at once leaves no failure of the others unheard', async () => {
  const unheard: unknown[] = []
  const hear = (error: unknown) => unheard.push(error)
  process.on('unhandledRejection', hear)
  const all = andThenEach([1, 2], (value) => {
    if (value === 2) throw new Error('refused')
    return new Promise((_, reject) => setTimeout(() => reject(new Error('the read failed')), 1))
  })
  await expect(all).rejects.toThrow('refused')
  await new Promise((resolve) => setTimeout(resolve, 5))
  process.off('unhandledRejection', hear)
  expect(unheard).toEqual([])
})
