import type { Identity } from '@countersign/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../src/store/ids.js'
import { ALICE, BOB, BOOTSTRAP, CAROL, ChallengeWorld, call, DAVE, IDP, type TestNode } from './support.js'

let world: ChallengeWorld
let node: TestNode

beforeAll(async () => {
  world = await ChallengeWorld.open()
  node = await world.node()
})
afterAll(() => world.close())

const satisfy = (id: string, bearer: string, body: unknown = {}, key?: string) =>
  call(`${node.url}${world.path(id)}/satisfy`, { bearer, body, ...(key !== undefined && { key }) })
const reject = (id: string, bearer: string, body: unknown = {}) =>
  call(`${node.url}${world.path(id)}/reject`, { bearer, body })
const read = (id: string, bearer: string) => call(`${node.url}${world.path(id)}`, { bearer })

const PROOF = { subject: ALICE, aal: 'aal2', amr: ['hwk'], method: 'passkey' }

test('nobody is named by a longer id than an issuer may give', async () => {
  const { token } = await world.token(['prove'], { maxAal: 'aal2' })
  const named = (length: number) => ({ ...PROOF, subject: { ...ALICE, id: 'x'.repeat(length) } })
  // A challenge that there is not: the longest id is heard, one more letter is not.
  expect((await satisfy(newId(Date.now()), token, named(512))).status).toBe(404)
  expect((await satisfy(newId(Date.now()), token, named(513))).status).toBe(400)
})

describe('human approval', () => {
  test('someone outside the requester set approves, and the ledger says so', async () => {
    const { id } = await world.challenge()
    const { token, id: tokenId } = await world.token(['approve'])
    const answer = await satisfy(id, token, { reason: 'looks right' })
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({
      id,
      satisfied_at: expect.stringMatching(/^\d{4}-.*Z$/),
      approver: `admin:${tokenId}`,
      approvals: { have: 1, need: 1 },
    })
    const event = (await world.events()).findLast((one) => one.challenge_id === id)
    expect(event).toMatchObject({ type: 'challenge.satisfied', outcome: 'recorded', actor: `admin:${tokenId}` })
    expect(JSON.stringify(event)).not.toContain('carol')
    expect(JSON.stringify(event)).not.toContain('looks right')
    expect((await read(id, token)).body).toMatchObject({
      state: 'satisfied',
      proofs: [{ approver: `admin:${tokenId}`, owner: CAROL, method: 'approval', aal: null, reason: 'looks right' }],
      request: { scopes: ['transfer'], subject: 'alice' },
      application: { id: world.applicationId, name: 'Payments agent' },
    })
  })

  const requesters: [string, (who: Identity, application: string) => Promise<{ id: string }>][] = [
    ['the subject or an actor of the chain', (who) => world.challenge({ requesters: [ALICE, who] })],
    [
      'the present owner of an application in it',
      async (who, application) => {
        const challenge = await world.challenge({ requesterApplications: [world.applicationId, application] })
        await world.application(application, who)
        return challenge
      },
    ],
    [
      'whoever was shown a secret of an application in it, also after the pause',
      async (who, application) => {
        const challenge = await world.challenge({ requesterApplications: [application] })
        await world.shownSecret(application, who)
        return challenge
      },
    ],
  ]

  test.each(requesters)('%s does not approve', async (_who, arrange) => {
    const application = newId(Date.now())
    const { id } = await arrange(DAVE, application)
    const dave = await world.token(['approve', 'write'], { owner: DAVE })
    const refused = await satisfy(id, dave.token)
    expect([refused.status, refused.body.code]).toEqual([403, 'self_approval'])
    const carol = await world.token(['approve'])
    expect((await satisfy(id, carol.token)).status).toBe(200)
  })

  test.each(requesters)('%s does not attest', async (_who, arrange) => {
    const application = newId(Date.now())
    const { id } = await arrange(DAVE, application)
    await world.db.updateTable('step_up_challenges').set({ challenge_type: 'software_attestation' }).execute()
    const dave = await world.token(['attest'], { owner: DAVE })
    const refused = await satisfy(id, dave.token, { evidence: { digest: 'sha256:1' } })
    expect([refused.status, refused.body.code]).toEqual([403, 'self_approval'])
    const carol = await world.token(['attest'])
    expect((await satisfy(id, carol.token, { evidence: { digest: 'sha256:1' } })).status).toBe(200)
  })

  test('the same id at another issuer is another person', async () => {
    const { id } = await world.challenge({ requesters: [ALICE] })
    const namesake = await world.token(['approve'], { owner: { ...ALICE, issuer: 'https://other.example' } })
    expect((await satisfy(id, namesake.token)).status).toBe(200)
  })

  test('a quorum counts distinct owners, not tokens', async () => {
    const { id } = await world.challenge({ demand: { approvals: 2 } })
    const first = await world.token(['approve'], { owner: CAROL })
    const sameOwner = await world.token(['approve'], { owner: CAROL })
    const second = await world.token(['approve'], { owner: DAVE })
    expect((await satisfy(id, first.token)).body).toMatchObject({ satisfied_at: null, approvals: { have: 1, need: 2 } })
    expect((await read(id, first.token)).body).toMatchObject({ state: 'pending', approvals: { have: 1, need: 2 } })
    const again = await satisfy(id, sameOwner.token)
    expect([again.status, again.body.code]).toEqual([409, 'already_approved'])
    expect((await satisfy(id, second.token)).body).toMatchObject({
      satisfied_at: expect.any(String),
      approvals: { have: 2, need: 2 },
    })
    const types = (await world.events()).filter((event) => event.challenge_id === id).map((event) => event.type)
    expect(types).toEqual(['challenge.approved', 'challenge.satisfied'])
  })

  test('whoever became a requester after approving no longer counts towards the quorum', async () => {
    const { id } = await world.challenge({ demand: { approvals: 2 } })
    const carol = await world.token(['approve'], { owner: CAROL })
    const dave = await world.token(['approve'], { owner: DAVE })
    await satisfy(id, carol.token)
    await world.shownSecret(world.applicationId, CAROL)
    expect((await satisfy(id, dave.token)).body).toMatchObject({ satisfied_at: null, approvals: { have: 1, need: 2 } })
    await world.db.deleteFrom('application_secrets').execute()
  })

  test('16 approvals of one owner at once count as one', async () => {
    const { id } = await world.challenge({ demand: { approvals: 2 } })
    const { token } = await world.token(['approve'])
    const answers = await Promise.all(Array.from({ length: 16 }, () => satisfy(id, token)))
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, ...Array(15).fill(409)])
  })

  test('an approval carries no authentication', async () => {
    const { id } = await world.challenge()
    const { token } = await world.token(['approve'])
    const refused = await satisfy(id, token, { aal: 'aal3' })
    expect([refused.status, refused.body.code]).toEqual([422, 'invalid_proof'])
  })
})

describe('mfa', () => {
  const prove = (id: string, bearer: string, changes: object = {}) => satisfy(id, bearer, { ...PROOF, ...changes })

  test('an authentication service that names the user proves, and what it proved is recorded', async () => {
    const { id } = await world.challenge({ type: 'mfa', demand: { aal: 'aal2' } })
    const { token } = await world.token(['prove'], { owner: IDP })
    const auth_time = Math.floor((await world.now()) / 1000)
    expect((await prove(id, token, { aal: 'aal3', auth_time })).status).toBe(200)
    expect((await read(id, token)).body.proofs).toMatchObject([
      { method: 'passkey', aal: 'aal3', amr: ['hwk'], auth_time: new Date(auth_time * 1000).toISOString(), owner: IDP },
    ])
  })

  test.each<[string, object]>([
    ['another id', { subject: { ...ALICE, id: 'mallory' } }],
    ['another issuer', { subject: { ...ALICE, issuer: 'https://other.example' } }],
    ['no issuer', { subject: { kind: 'user', id: 'alice' } }],
    ['another kind', { subject: { ...ALICE, kind: 'agent' } }],
  ])('a prover that names %s is refused', async (_name, changes) => {
    const { id } = await world.challenge({ type: 'mfa' })
    const { token } = await world.token(['prove'], { owner: IDP })
    const refused = await prove(id, token, changes)
    expect([refused.status, refused.body.code]).toEqual([403, 'wrong_subject'])
  })

  test('a credential that belongs to the user proves nothing about them', async () => {
    const { id } = await world.challenge({ type: 'mfa' })
    const { token } = await world.token(['prove'], { owner: ALICE })
    const refused = await prove(id, token)
    expect([refused.status, refused.body.code]).toEqual([403, 'self_approval'])
  })

  test('on a chain without a user the owner of the application is named, by a credential not theirs', async () => {
    const { id } = await world.challenge({ type: 'mfa', proverSubject: BOB })
    const bobs = await world.token(['prove'], { owner: BOB })
    expect((await prove(id, bobs.token, { subject: BOB })).body.code).toBe('self_approval')
    const { token } = await world.token(['prove'], { owner: IDP })
    expect((await prove(id, token, { subject: BOB })).status).toBe(200)
  })

  test('where nobody can be named, nobody proves', async () => {
    const { id } = await world.challenge({ type: 'mfa', proverSubject: null })
    const { token } = await world.token(['prove'], { owner: IDP })
    expect((await prove(id, token)).body.code).toBe('wrong_subject')
  })

  test.each([
    ['aal1', 'aal2'],
    ['aal2', 'aal3'],
    [null, 'aal2'],
  ] as const)('a prover of at most %s does not vouch for %s', async (maxAal, aal) => {
    const { id } = await world.challenge({ type: 'mfa' })
    const { token } = await world.token(['prove'], { owner: IDP, maxAal })
    const refused = await prove(id, token, { aal })
    expect([refused.status, refused.body.code]).toEqual([403, 'wrong_capability'])
  })

  test('what can never meet the demand is refused, and the challenge stays open for what can', async () => {
    const { id } = await world.challenge({ type: 'mfa', demand: { aal: 'aal2', max_age: 60 } })
    const { token } = await world.token(['prove'], { owner: IDP })
    const now = Math.floor((await world.now()) / 1000)
    const weak = await prove(id, token, { aal: 'aal1' })
    expect([weak.status, weak.body.code]).toEqual([422, 'proof_insufficient'])
    expect((await prove(id, token, { auth_time: now - 62 })).body.code).toBe('proof_insufficient')
    expect((await prove(id, token, { auth_time: now + 60 })).body.code).toBe('invalid_proof')
    expect((await prove(id, token, { auth_time: now - 50 })).status).toBe(200)
  })

  test('without a level, mfa means aal2', async () => {
    const { id } = await world.challenge({ type: 'mfa' })
    const { token } = await world.token(['prove'], { owner: IDP })
    expect((await prove(id, token, { aal: 'aal1' })).body.code).toBe('proof_insufficient')
    expect((await prove(id, token, { aal: 'aal2' })).status).toBe(200)
  })

  test('without an age, the authentication must not be older than the pause', async () => {
    const { id } = await world.challenge({ type: 'mfa' })
    const { token } = await world.token(['prove'], { owner: IDP })
    const now = Math.floor((await world.now()) / 1000)
    expect((await prove(id, token, { auth_time: now - 90 })).body.code).toBe('proof_insufficient')
    expect((await prove(id, token, { auth_time: now })).status).toBe(200)
  })

  test.each(['subject', 'aal', 'amr', 'method'])('a proof without %s is incomplete', async (member) => {
    const { id } = await world.challenge({ type: 'mfa' })
    const { token } = await world.token(['prove'], { owner: IDP })
    const refused = await prove(id, token, { [member]: undefined })
    expect([refused.status, refused.body.code]).toEqual([422, 'invalid_proof'])
  })
})

describe('who may satisfy at all', () => {
  const bodies = { mfa: PROOF, human_approval: {}, software_attestation: { evidence: { digest: 'x' } } }
  const capability = { mfa: 'prove', human_approval: 'approve', software_attestation: 'attest' } as const
  const types = ['mfa', 'human_approval', 'software_attestation'] as const

  test.each(types)('%s takes its own capability and no other', async (type) => {
    const { id } = await world.challenge({ type })
    const others = (['read', 'write', 'audit', 'approve', 'prove', 'attest', 'manage_tokens'] as const).filter(
      (one) => one !== capability[type],
    )
    const { token } = await world.token(others, { owner: IDP, maxAal: 'aal3' })
    const refused = await satisfy(id, token, bodies[type])
    expect([refused.status, refused.body.code]).toEqual([403, 'wrong_capability'])
    const right = await world.token([capability[type]], { owner: IDP })
    expect((await satisfy(id, right.token, bodies[type])).status).toBe(200)
  })

  test.each(types)('a token without an owner does not satisfy %s', async (type) => {
    const { id } = await world.challenge({ type })
    const { token } = await world.token([capability[type]], { owner: null })
    const refused = await satisfy(id, token, bodies[type])
    expect([refused.status, refused.body.code]).toEqual([403, 'owner_required'])
  })

  test.each(types)('the bootstrap token does not satisfy %s', async (type) => {
    const { id } = await world.challenge({ type })
    const refused = await satisfy(id, BOOTSTRAP, bodies[type])
    expect([refused.status, refused.body.code]).toEqual([403, 'wrong_capability'])
  })

  test('unknown, foreign, expired, rejected and already satisfied are the same 404', async () => {
    const otherZone = newId(Date.now())
    await world.zone(otherZone)
    const foreign = await world.challenge({ zoneId: otherZone })
    const expired = await world.challenge({ ttlMs: -1 })
    const satisfied = await world.challenge({ satisfied: true })
    const rejected = await world.challenge()
    const { token } = await world.token(['approve'])
    await reject(rejected.id, token)
    const ids = [newId(Date.now()), 'no-id', foreign.id, expired.id, satisfied.id, rejected.id]
    const answers = await Promise.all(ids.map((id) => satisfy(id, token)))
    const bodies = answers.map((answer) => ({ ...answer.body, requestId: '' }))
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([404]))
    expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1)
    const abroad = await world.token(['approve'], { zoneId: otherZone })
    expect((await satisfy(rejected.id, abroad.token)).status).toBe(404)
  })

  test('a token that was withdrawn satisfies nothing', async () => {
    const { id } = await world.challenge()
    const { token, id: tokenId } = await world.token(['approve'])
    await world.db.updateTable('admin_tokens').set({ deleted_at: new Date() }).where('id', '=', tokenId).execute()
    expect((await satisfy(id, token)).status).toBe(401)
  })

  test('with an Idempotency-Key a lost answer is given again', async () => {
    const { id } = await world.challenge()
    const { token } = await world.token(['approve'])
    const first = await satisfy(id, token, {}, 'key-0123456789abcdef')
    const again = await satisfy(id, token, {}, 'key-0123456789abcdef')
    expect(again.status).toBe(200)
    expect(again.body).toEqual(first.body)
  })
})

describe('rejecting', () => {
  test.each([
    ['whoever could satisfy it', 'approve', 200],
    ['whoever administers the zone', 'write', 200],
    ['not one who only reads', 'read', 403],
    ['not a prover of another type', 'prove', 403],
  ] as const)('%s', async (_name, capability, status) => {
    const { id } = await world.challenge()
    const { token } = await world.token([capability])
    const answer = await reject(id, token, { reason: 'not expected' })
    expect(answer.status).toBe(status)
    expect((await read(id, BOOTSTRAP)).body.state).toBe(status === 200 ? 'rejected' : 'pending')
  })

  test('a requester may reject their own request, and a satisfied challenge can still be rejected', async () => {
    const { id } = await world.challenge({ satisfied: true })
    const { token } = await world.token(['approve'], { owner: ALICE })
    const answer = await reject(id, token, { reason: 'mine' })
    expect(answer.body).toEqual({ id, rejected_at: expect.stringMatching(/Z$/) })
    expect((await read(id, BOOTSTRAP)).body).toMatchObject({ state: 'rejected', decision_reason: 'mine' })
    expect((await reject(id, token)).status).toBe(404)
    const event = (await world.events()).findLast((one) => one.challenge_id === id)
    expect(event).toMatchObject({ type: 'challenge.rejected', challenge_ids: [id] })
  })

  test('rejecting a predecessor rejects what stands on it', async () => {
    const first = await world.challenge({ type: 'mfa', satisfied: true })
    const second = await world.challenge({ predecessorId: first.id })
    await reject(first.id, BOOTSTRAP)
    expect((await read(second.id, BOOTSTRAP)).body.state).toBe('rejected')
  })
})
