import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SLOTS, Slots, sharedMemory } from './slots.js'

test('the work on a slot is taken by one alone, each time that it is asked for', () => {
  const memory = sharedMemory()
  const [one, other] = [new Slots(memory), new Slots(memory)]
  fc.assert(
    fc.property(fc.integer({ min: 0, max: SLOTS - 1 }), fc.boolean(), (slot, isFirst) => {
      const [first, second] = isFirst ? [one, other] : [other, one]
      one.ask(slot, 7, 'text', undefined)
      expect(one.outcomeOf(slot)).toBeUndefined()
      expect([first.take(slot), second.take(slot), first.take(slot)]).toEqual([true, false, false])
      first.end(slot, 'good')
      expect(second.outcomeOf(slot)).toBe('good')
      expect([first.take(slot), second.take(slot)]).toEqual([false, false])
    }),
  )
})

test('what is in a slot is read by the other thread as it was put, and counts go on where 32 bits end', () => {
  const memory = sharedMemory()
  const [one, other] = [new Slots(memory), new Slots(memory)]
  const signature = fc.option(
    fc.uint8Array({ minLength: 64, maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
    {
      nil: undefined,
    },
  )
  fc.assert(
    fc.property(fc.integer(), fc.nat(), fc.stringMatching(/^[ -~]{0,4096}$/), signature, (nth, key, input, bytes) => {
      const slot = Slots.at(nth)
      expect(slot).toBeGreaterThanOrEqual(0)
      expect(slot).toBeLessThan(SLOTS)
      expect(Slots.at((nth + SLOTS) | 0)).toBe(slot)
      one.ask(slot, key, input, bytes)
      expect(other.keyOf(slot)).toBe(key)
      expect(other.inputOf(slot).toString('latin1')).toBe(input)
      expect(other.verifies(slot)).toBe(bytes !== undefined)
      if (bytes !== undefined) expect(other.signatureOf(slot).equals(bytes)).toBe(true)
    }),
  )
})
