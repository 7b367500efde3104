import fc from 'fast-check'
import { expect, test } from 'vitest'
import { challengeState } from './challenge.js'

test('the state follows the precedence consumed, rejected, expired, satisfied, pending', () => {
  const instant = fc.option(fc.nat(1000))
  fc.assert(
    fc.property(
      instant,
      instant,
      instant,
      fc.nat(1000),
      fc.nat(1000),
      (consumedAt, rejectedAt, satisfiedAt, expiresAt, now) => {
        const held = [
          consumedAt !== null && 'consumed',
          rejectedAt !== null && 'rejected',
          expiresAt <= now && 'expired',
          satisfiedAt !== null && 'satisfied',
          'pending',
        ].find(Boolean)
        expect(challengeState({ consumedAt, rejectedAt, satisfiedAt, expiresAt }, now)).toBe(held)
      },
    ),
  )
})
