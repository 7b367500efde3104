import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hashSecret, newSecret, secretMatches } from './secrets.js'

test('a secret is 32 random bytes in base64url, and what is kept is its SHA-256', () => {
  const { secret, hash } = newSecret((size) => Buffer.alloc(size, 0xfb))
  expect(secret).toBe(Buffer.alloc(32, 0xfb).toString('base64url'))
  expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/)
  expect(hash).toEqual(createHash('sha256').update(secret).digest())
  expect(newSecret().secret).not.toBe(newSecret().secret)
})

test('exactly the secrets that were handed out match', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 8 }), fc.string(), (handedOut, presented) => {
      expect(secretMatches(hashSecret(presented), handedOut.map(hashSecret))).toBe(handedOut.includes(presented))
      for (const secret of handedOut) expect(secretMatches(hashSecret(secret), handedOut.map(hashSecret))).toBe(true)
    }),
  )
})

test('a stored value that is no SHA-256 matches nothing', () => {
  expect(secretMatches(hashSecret(''), [Buffer.alloc(0), Buffer.alloc(31)])).toBe(false)
})
