import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hasColours, makeStyle, plain } from './io.js'

test('text from outside can never move the cursor, reorder a line or begin another', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(plain(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    }),
  )
  expect(plain('pay\u001b[2Kme\r\nnow \u202etfel')).toBe('payme\ufffd\ufffdnow \ufffdtfel')
  expect(plain('Zoë & 李')).toBe('Zoë & 李')
})

test('each stream has colours if it is a terminal itself, and nobody asked for none', () => {
  expect(hasColours({ isTTY: true }, {})).toBe(true)
  expect(hasColours({}, {})).toBe(false)
  expect(hasColours({ isTTY: true }, { NO_COLOR: '1' })).toBe(false)
  expect(hasColours({ isTTY: true }, { TERM: 'dumb' })).toBe(false)
})

test('without colours the text is the same', () => {
  expect(makeStyle(false).bad('no')).toBe('no')
})
