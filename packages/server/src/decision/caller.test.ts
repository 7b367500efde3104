import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bearerOf } from './caller.js'

test('a bearer is one word after the scheme, whatever the case of that, and nothing else is one', () => {
  const scheme = fc.constantFrom('Bearer', 'bearer', 'BEARER', 'Basic', 'Bearers', '')
  const rest = fc.string({ unit: fc.constantFrom(' ', ' ', 'a', 'Z', '.', '=', '-'), maxLength: 12 })
  fc.assert(
    fc.property(scheme, rest, (name, text) => {
      const header = `${name}${text}`
      expect(bearerOf(header)).toBe(/^bearer +(\S+) *$/i.exec(header)?.[1])
    }),
    { numRuns: 2_000 },
  )
  expect(bearerOf('Bearer a.b.c')).toBe('a.b.c')
  expect(bearerOf(undefined)).toBeUndefined()
})
