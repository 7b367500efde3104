import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Identity, identityKey, sameIdentity } from './identity.js'

const part = fc.string({ maxLength: 3, unit: fc.constantFrom('a', '"', ',', '\\', '[', ']') })
const identity: fc.Arbitrary<Identity> = fc.record(
  { kind: fc.constantFrom('user', 'application', 'agent'), issuer: part, id: part },
  { requiredKeys: ['kind', 'id'] },
)

test('two identities share a key exactly when every part is the same', () => {
  fc.assert(
    fc.property(identity, identity, (a, b) => {
      expect(identityKey(a) === identityKey(b)).toBe(sameIdentity(a, b))
    }),
  )
})
