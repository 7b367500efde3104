import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { RememberedTokens } from './remembered-tokens.js'

const SIGNATURE = 'c2lnbmF0dXJl'.repeat(7)

test('a token is remembered from the second time on', () => {
  const verified = new RememberedTokens<string>()
  verified.set(`header.alice.${SIGNATURE}`, 'once')
  expect(verified.get(`header.alice.${SIGNATURE}`)).toBeUndefined()
  verified.set(`header.alice.${SIGNATURE}`, 'twice')
  expect(verified.get(`header.alice.${SIGNATURE}`)).toBe('twice')
})

test('nearly every token that is shown again while a few thousand others are is remembered then', () => {
  const verified = new RememberedTokens<number>()
  const tokens = Array.from(
    { length: 4_000 },
    (_, n) => `header.payload.${createHash('sha512').update(`${n}`).digest('base64url')}`,
  )
  for (const showing of ['first', 'second']) {
    for (const [n, token] of tokens.entries()) verified.set(token, n)
    const known = tokens.filter((token, n) => verified.get(token) === n).length
    if (showing === 'first') expect(known).toBeLessThan(10)
    else expect(known).toBeGreaterThan(3_500)
  }
})

test('a token is found by its own text alone, not by one that ends with the same signature', () => {
  const verified = new RememberedTokens<string>()
  show(verified, `header.alice.${SIGNATURE}`, 'alice')
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
  show(verified, `header.alice.${SIGNATURE}`, 'alice')
  show(verified, `header.bob.${SIGNATURE}`, 'bob')
  expect(verified.get(`header.bob.${SIGNATURE}`)).toBe('bob')
  expect(verified.get(`header.alice.${SIGNATURE}`)).toBeUndefined()
})

function show(verified: RememberedTokens<string>, token: string, found: string): void {
  for (let time = 0; time < 2; time++) verified.set(token, found)
}
