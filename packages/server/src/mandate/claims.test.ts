import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type ActClaim, claimsJson, type MandateClaims } from './claims.js'

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const id = fc.uuid()
// Whatever an identity provider may call somebody, and a zone a resource.
const anything = fc.string({ unit: 'grapheme' })
const kind = fc.constantFrom('user', 'application', 'agent')
const act: fc.Arbitrary<ActClaim> = fc.letrec<{ act: ActClaim }>((tie) => ({
  act: fc.record({
    sub: anything,
    sub_type: kind,
    iss: maybe(anything),
    client_id: id,
    sid: id,
    act: fc.option(tie('act'), { nil: undefined, maxDepth: 2 }),
  }),
})).act
const challenge = fc.record({
  id,
  type: fc.constantFrom('human_approval', 'mfa', 'software_attestation'),
  satisfied_at: fc.constant('2026-01-01T00:00:00.000Z'),
})

it('is what JSON.stringify makes of the claims, whatever is said in them', () => {
  const claims: fc.Arbitrary<MandateClaims> = fc.record({
    iss: fc.webUrl(),
    sub: anything,
    aud: fc.oneof(anything, fc.array(anything)),
    exp: fc.nat(),
    iat: fc.nat(),
    jti: id,
    client_id: id,
    zone_id: id,
    scope: anything,
    sid: id,
    root_sid: id,
    use: fc.constantFrom('session', 'resource'),
    sub_type: kind,
    txn: id,
    target: maybe(fc.array(anything)),
    act: maybe(act),
    acr: maybe(fc.constantFrom('aal1', 'aal2', 'aal3')),
    amr: maybe(fc.array(anything)),
    auth_time: maybe(fc.nat()),
    agent_session_id: maybe(id),
    delegation_edge_id: maybe(id),
    cnf: maybe(fc.record({ jkt: anything })),
    ctx: maybe(
      fc.oneof(
        fc.constant({ challenge_resolved: false }),
        fc.record({ challenge_resolved: fc.constant(true), challenge }),
      ),
    ),
  })
  fc.assert(
    fc.property(claims, (all) => {
      expect(claimsJson(all)).toBe(JSON.stringify(all))
    }),
  )
})
