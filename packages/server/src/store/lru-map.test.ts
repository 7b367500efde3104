import fc from 'fast-check'
import { expect, it } from 'vitest'
import { LruMap } from './lru-map.js'

const MOST = 8

it('holds at most as many entries as it may, and always the half of that which was used last', () => {
  const uses = fc.array(fc.record({ key: fc.integer({ min: 0, max: 20 }), put: fc.boolean() }), { maxLength: 200 })
  fc.assert(
    fc.property(uses, (all) => {
      const map = new LruMap<number, number>(MOST)
      let recent: number[] = []
      for (const [n, { key, put }] of all.entries()) {
        if (put) map.set(key, n)
        else if (map.get(key) === undefined) continue
        recent = [key, ...recent.filter((other) => other !== key)]
        expect(map.size).toBeLessThanOrEqual(MOST)
        for (const used of recent.slice(0, MOST / 2)) expect(map.get(used)).toBeDefined()
        // Looking was a use too, in the order from the youngest.
        recent = [...recent.slice(0, MOST / 2).reverse(), ...recent.slice(MOST / 2)]
      }
    }),
  )
})

it('finds what was put last, and nothing that was deleted', () => {
  const map = new LruMap<string, number>(4)
  for (const [key, value] of Object.entries({ a: 1, b: 2, c: 3 })) map.set(key, value)
  map.set('a', 4)
  expect(map.get('a')).toBe(4)
  map.delete('a')
  map.delete('b')
  expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([undefined, undefined, 3])
  map.clear()
  expect(map.size).toBe(0)
})
