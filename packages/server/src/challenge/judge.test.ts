import { AALS, CHALLENGE_TYPES, type Identity, identityKey, meetsAal, sameIdentity } from '@countersign/protocol'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CAPABILITIES } from '../store/tables.js'
import { CAPABILITY_FOR, countApprovals, type Hearing, judge, type Submission } from './judge.js'
import type { StoredChallenge } from './record.js'

const NOW = 1_800_000_000_000

// Few enough that the same person often stands on both sides.
const identity: fc.Arbitrary<Identity> = fc.record(
  {
    kind: fc.constantFrom('user', 'application'),
    issuer: fc.constantFrom('i', 'j'),
    id: fc.constantFrom('a', 'b', 'c'),
  },
  { requiredKeys: ['kind', 'id'] },
)
const aal = fc.constantFrom(...AALS)

const challenge: fc.Arbitrary<StoredChallenge> = fc
  .record({
    type: fc.constantFrom(...CHALLENGE_TYPES),
    demand: fc.record(
      {
        aal,
        max_age: fc.integer({ min: 0, max: 600 }),
        again: fc.constant(true),
        approvals: fc.integer({ min: 1, max: 3 }),
      },
      { requiredKeys: [] },
    ),
    proverSubject: fc.option(identity),
    createdAt: fc.constantFrom(NOW - 1_000, NOW - 60_000),
  })
  .map((part) => ({
    ...part,
    id: 'c',
    zoneId: 'z',
    sessionId: 's',
    principalId: 'p',
    applicationId: 'a',
    requesters: [],
    requesterApplications: [],
    requestJson: '{}',
    bindingHash: Buffer.alloc(32),
    predecessorId: null,
    expiresAt: NOW + 60_000,
    satisfiedAt: null,
    rejectedAt: null,
    consumedAt: null,
    consumedBy: null,
    decisionReason: null,
    proofs: [],
  }))

const submission: fc.Arbitrary<Submission> = fc.oneof(
  fc.constant({}),
  fc.record({ evidence: fc.constant({ digest: 'x' }) }),
  fc.record(
    {
      subject: identity,
      aal: fc.oneof(aal, fc.constant('aal9')),
      amr: fc.constant(['hwk']),
      method: fc.constant('passkey'),
      auth_time: fc.integer({ min: NOW / 1000 - 700, max: NOW / 1000 + 60 }),
    },
    { requiredKeys: [] },
  ),
)

const hearing: fc.Arbitrary<Hearing> = fc
  .record({
    challenge,
    submission,
    owner: fc.option(identity, { freq: 20 }),
    capabilities: fc.subarray([...CAPABILITIES], { minLength: 4 }),
    maxAal: fc.option(aal, { freq: 10 }),
    requesters: fc.array(identity, { maxLength: 4 }),
  })
  .map(({ challenge, submission, owner, capabilities, maxAal, requesters }) => ({
    challenge,
    submission,
    requesters: new Set(requesters.map(identityKey)),
    approver: { id: 'admin:x', owner, capabilities: new Set(capabilities), maxAal, bootstrap: false },
    now: NOW,
  }))

test('no proof is ever accepted from who may not give it, or of less than is demanded', () => {
  let accepted = 0
  fc.assert(
    fc.property(hearing, (one) => {
      const verdict = judge(one)
      if (verdict.verdict === 'refused') return
      accepted += 1
      const { challenge, approver, requesters } = one
      const { proof } = verdict
      expect(approver.capabilities.has(CAPABILITY_FOR[challenge.type])).toBe(true)
      const owner = approver.owner
      if (owner === null) throw new Error('a token without an owner satisfied something')
      expect(proof).toMatchObject({ approver: 'admin:x', owner, ownerKey: identityKey(owner), at: NOW })
      if (challenge.type === 'mfa') {
        if (challenge.proverSubject === null || one.submission.subject === undefined || proof.aal === null)
          throw new Error()
        expect(sameIdentity(one.submission.subject, challenge.proverSubject)).toBe(true)
        expect(sameIdentity(owner, challenge.proverSubject)).toBe(false)
        expect(approver.maxAal !== null && meetsAal(approver.maxAal, proof.aal)).toBe(true)
        expect(meetsAal(proof.aal, challenge.demand.aal ?? 'aal2')).toBe(true)
        expect(proof.authTime).toBeLessThanOrEqual(NOW)
        const { max_age: maxAge, again } = challenge.demand
        if (maxAge !== undefined) expect(proof.authTime).toBeGreaterThanOrEqual(NOW - maxAge * 1000)
        if (maxAge === undefined || again) expect(proof.authTime).toBeGreaterThanOrEqual(challenge.createdAt - 60_000)
      } else {
        expect(requesters.has(identityKey(owner))).toBe(false)
        expect(proof).toMatchObject({ aal: null, amr: [], authTime: null })
      }
    }),
    { numRuns: 20_000 },
  )
  // A property that nothing reaches would hold of anything.
  expect(accepted).toBeGreaterThan(200)
})

test('the bootstrap token satisfies nothing, whatever it is given', () => {
  fc.assert(
    fc.property(hearing, (one) => {
      expect(judge({ ...one, approver: { ...one.approver, bootstrap: true } }).verdict).toBe('refused')
    }),
  )
})

test('a quorum is met by distinct owners who are not requesters, and by nothing else', () => {
  fc.assert(
    fc.property(
      challenge,
      fc.array(identity, { maxLength: 8 }),
      fc.array(identity, { maxLength: 3 }),
      (one, owners, requesters) => {
        const proofs = owners.map((owner) => ({
          approver: 'admin:x',
          owner,
          ownerKey: identityKey(owner),
          method: 'approval',
          aal: null,
          amr: [],
          authTime: null,
          evidence: null,
          reason: null,
          at: NOW,
        }))
        const keys = new Set(requesters.map(identityKey))
        const { have, need } = countApprovals({ ...one, type: 'human_approval', proofs }, keys)
        expect(have).toBe(new Set(owners.map(identityKey).filter((key) => !keys.has(key))).size)
        expect(need).toBe(one.demand.approvals ?? 1)
      },
    ),
  )
})
