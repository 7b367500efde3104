import type { DecisionData } from '@countersign/protocol'
import { AALS, CHALLENGE_TYPES } from '@countersign/protocol'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decisionJson } from './decision-json.js'

it('is what JSON.stringify makes of the decision, whatever policies are called and rules say', () => {
  // In the order in which they are written.
  const decision: fc.Arbitrary<DecisionData> = fc.record({
    decision_id: fc.uuid(),
    allowed: fc.boolean(),
    policy_version: fc.nat(),
    requires_step_up: fc.boolean(),
    required_aal: fc.option(fc.constantFrom(...AALS)),
    max_age: fc.option(fc.nat()),
    aal_source: fc.constantFrom('asserted', 'session', 'token'),
    challenge_type: fc.option(fc.constantFrom(...CHALLENGE_TYPES)),
    matched: fc.array(fc.record({ type: fc.constantFrom('policy', 'grant'), key: fc.string({ unit: 'grapheme' }) })),
    explanation: fc.array(fc.string({ unit: 'grapheme' })),
  })
  fc.assert(
    fc.property(decision, (data) => {
      expect(decisionJson(data)).toBe(JSON.stringify(data))
    }),
  )
})
