import { expect, test } from 'vitest'
import { RememberedTokens } from './remembered-tokens.js'

const SIGNATURE = 'c2lnbmF0dXJl'.repeat(7)

test('a token is found by its own text alone, not by one that ends with the same signature', () => {
  const verified = new RememberedTokens<string>()
  verified.set(`header.alice.${SIGNATURE}`, 'alice')
  expect(verified.get(`header.alice.${SIGNATURE}`)).toBe('alice')
  for (const other of [
    `header.mallory.${SIGNATURE}`,
    `header.alice.x${SIGNATURE}`,
    SIGNATURE,
    SIGNATURE.slice(-32),
    '',
  ]) {
    expect(verified.get(other), other).toBeUndefined()
  }
})

test('of two tokens that end alike the last one is remembered', () => {
  const verified = new RememberedTokens<string>()
  verified.set(`header.alice.${SIGNATURE}`, 'alice')
  verified.set(`header.bob.${SIGNATURE}`, 'bob')
  expect(verified.get(`header.bob.${SIGNATURE}`)).toBe('bob')
  expect(verified.get(`header.alice.${SIGNATURE}`)).toBeUndefined()
})
