import type { TokenResponse } from '@countersign/protocol'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { tokenJson } from './token-json.js'

const word = fc.stringMatching(/^[A-Za-z0-9_.:-]{1,40}$/)

it('is what JSON.stringify makes of the answer, whatever scopes and resources are named', () => {
  const response: fc.Arbitrary<TokenResponse> = fc.record({
    access_token: word,
    issued_token_type: word,
    token_type: fc.constant('Bearer' as const),
    expires_in: fc.nat(),
    scope: fc.string({ unit: 'grapheme' }),
    target_resources: fc.array(fc.string({ unit: 'grapheme' })),
    receipt: fc.record({ event_id: word, leaf_index: fc.nat(), leaf_hash: word }),
  })
  fc.assert(
    fc.property(response, (answer) => {
      expect(tokenJson(answer)).toBe(JSON.stringify(answer))
    }),
  )
})
