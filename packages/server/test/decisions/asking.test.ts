import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RESERVED_CONTEXT_KEYS } from '../../src/policy/input.js'
import { asUser, ISSUER } from '../promises/issuer.js'
import { ledgerOf } from '../promises/support.js'
import { type TestService, testService } from '../support/service.js'
import { adminOk, createWorld, PAYMENTS, type World } from '../support/world.js'
import { asker, checker, poster } from './support.js'

const POLICY = `package countersign.authz

allow contains "payments" if input.action.id != "close"

require contains {"policy": "transfers", "aal": "aal3", "max_age": 120} if input.action.id == "transfer"

step_up contains {"policy": "wipes", "type": "human_approval"} if input.action.id == "wipe"
`

let service: TestService
let world: World
let ask: ReturnType<typeof asker>
let check: ReturnType<typeof checker>
let post: ReturnType<typeof poster>

beforeAll(async () => {
  service = await testService()
  world = await createWorld(service, { policy: POLICY })
  ask = asker(service, world)
  check = checker(service, world)
  post = poster(service, world)
})
afterAll(() => service.close())

const alice = { type: 'user', id: 'alice' }
const plain = { subject: alice, permission: 'read', resource: PAYMENTS }
const withNulls = { ...plain, organization: null, application: null, context: null, current_aal: null, explain: null }
const decisions = async (of = world) => {
  const leaves = await ledgerOf(service, of.zoneId)
  return leaves.filter(({ event }) => event.type === 'decision')
}

describe('a question', () => {
  test.each([
    ['flat', plain],
    ['with its eight keys, null where there is nothing', withNulls],
    ['in an envelope', { data: plain }],
    ['in an envelope with nulls', { data: withNulls }],
    ['about a resource by type and id', { ...plain, resource: { type: 'Resource', id: PAYMENTS } }],
  ])('is taken %s', async (_how, body) => {
    const { decision_id: _, ...data } = await ask(body)
    expect(data).toEqual({
      allowed: true,
      policy_version: 1,
      requires_step_up: false,
      required_aal: null,
      max_age: null,
      aal_source: 'asserted',
      challenge_type: null,
      matched: [
        { type: 'policy', key: 'payments' },
        { type: 'grant', key: world.grantId },
      ],
      explanation: [],
    })
  })

  test.each([
    [undefined, 'invalid_body'],
    [[], 'invalid_body'],
    [{ ...plain, subject: null }, 'invalid_body'],
    [{ ...plain, subject: { type: 'user', id: '' } }, 'invalid_body'],
    [{ ...plain, permission: '' }, 'invalid_body'],
    [{ ...plain, permission: 7 }, 'invalid_body'],
    [{ ...plain, resource: ['a'] }, 'invalid_body'],
    [{ ...plain, current_aal: 'aal4' }, 'invalid_body'],
    [{ ...plain, explain: 'yes' }, 'invalid_body'],
  ])('that is malformed is refused by name: %j', async (body, code) => {
    expect(await check(body)).toMatchObject({ status: 400, body: { code, requestId: expect.any(String) } })
  })

  test("a context may not fill the service's own keys", async () => {
    const refusal = { status: 400, body: { code: 'reserved_context_key' } }
    for (const key of RESERVED_CONTEXT_KEYS) {
      for (const value of [true, null, {}]) {
        const context = { [key]: value }
        expect(await check({ ...plain, context }), key).toMatchObject(refusal)
        const access = { subject: alice, action: { name: 'read' }, context }
        expect(await post('/access/v1/evaluation', access), key).toMatchObject(refusal)
      }
    }
  })

  test('about a kind of subject that nobody is, or in a zone that is not there, is refused', async () => {
    const robot = { ...plain, subject: { type: 'robot', id: 'r' } }
    expect(await check(robot)).toMatchObject({ status: 422, body: { code: 'unknown_subject_type' } })
    for (const zone of ['nothing', '0197a0d0-0000-7000-8000-000000000000']) {
      expect(await post(`/v1/zones/${zone}/decisions/check`, plain)).toMatchObject({
        status: 404,
        body: { code: 'not_found' },
      })
    }
  })

  test('about a registered resource needs its grant, by whatever type or name it is called', async () => {
    const own = await createWorld(service, { policy: 'package countersign.authz\n\nallow contains "all"\n' })
    await adminOk(service, 'DELETE', `/v1/zones/${own.zoneId}/grants/${own.grantId}`)
    const asks = asker(service, own)
    for (const resource of [
      PAYMENTS,
      { type: 'Resource', id: PAYMENTS },
      { type: 'resource', id: PAYMENTS },
      { type: 'account', id: PAYMENTS },
      { type: 'Resource', id: own.resourceId },
    ]) {
      expect(await asks({ ...plain, resource })).toMatchObject({ allowed: false })
    }
    // What is no scope of a registered resource is policy's alone.
    expect(await asks({ ...plain, permission: 'paint' })).toMatchObject({ allowed: true })
    expect(await asks({ ...plain, resource: { type: 'account', id: '42' } })).toMatchObject({ allowed: true })
  })
})

describe('a session mandate', () => {
  test('asks about its own subject and nobody else, under whatever name', async () => {
    const user = await asUser(world, { sub: 'alice', sid: 'own' })
    const bearer = String((await world.exchange({ resource: undefined, scope: undefined, ...user })).body.access_token)
    for (const subject of [alice, { ...alice, type: 'User' }, { ...alice, issuer: ISSUER }]) {
      const own = { ...plain, subject, current_aal: 'aal3' }
      expect(await ask(own, { bearer })).toMatchObject({ allowed: true, aal_source: 'session' })
    }
    for (const subject of [
      { type: 'user', id: 'bob' },
      { type: 'agent', id: 'alice' },
      { type: 'user', id: 'alice', issuer: 'https://another.example' },
      { type: 'application', id: world.application.id },
    ]) {
      const refusal = { status: 403, body: { code: 'not_yourself' } }
      expect(await check({ ...plain, subject }, { bearer })).toMatchObject(refusal)
      const checks = [plain, { ...plain, subject }]
      expect(await post(`/v1/zones/${world.zoneId}/decisions/check-batch`, checks, { bearer })).toMatchObject(refusal)
      const access = { subject, action: { name: 'read' }, resource: { type: 'Resource', id: PAYMENTS } }
      if (!('issuer' in subject)) {
        expect(await post('/access/v1/evaluation', access, { bearer })).toMatchObject(refusal)
      }
    }
  })

  test('for a resource, of another zone or from nowhere asks nothing', async () => {
    const other = await createWorld(service, { policy: POLICY })
    const read = await world.exchange({ scope: 'read' })
    const foreign = await other.exchange({ resource: undefined, scope: undefined })
    for (const bearer of [read.body.access_token, foreign.body.access_token, 'a.b.c']) {
      expect(await check(plain, { bearer: String(bearer) })).toMatchObject({
        status: 401,
        body: { code: 'invalid_token' },
      })
    }
  })
})

describe('an answer', () => {
  test('explains itself when asked to: the rules that were looked at, with file and line', async () => {
    const { explanation } = await ask({ ...plain, permission: 'transfer', explain: true })
    expect(explanation).toContainEqual(expect.stringMatching(/^policy: .*"policy":"transfers".*"aal":"aal3"/))
    expect(explanation).toContainEqual(expect.stringMatching(/^data\.countersign\.authz\.allow held at .+:3$/))
    expect(explanation).toContainEqual(expect.stringMatching(/^data\.countersign\.authz\.require held at .+:5$/))
    expect((await ask({ ...plain, permission: 'close', explain: true })).explanation).toContainEqual(
      expect.stringMatching(/^data\.countersign\.authz\.allow at .+:3 did not hold/),
    )
  })

  test('says what would be enough, and nothing else is', async () => {
    const demand = { allowed: true, requires_step_up: true, required_aal: 'aal3', max_age: 120, challenge_type: 'mfa' }
    for (const current_aal of [null, 'aal1', 'aal2', 'aal3']) {
      expect(await ask({ ...plain, permission: 'transfer', current_aal })).toMatchObject(demand)
    }
  })

  test('that wants an approval names no level', async () => {
    expect(await ask({ ...plain, permission: 'wipe' })).toMatchObject({
      allowed: true,
      requires_step_up: true,
      required_aal: null,
      max_age: null,
      challenge_type: 'human_approval',
    })
  })

  test('of a batch stands where its question stood', async () => {
    const permissions = ['read', 'transfer', 'close', 'read']
    const checks = permissions.map((permission) => ({ ...withNulls, permission }))
    const path = `/v1/zones/${world.zoneId}/decisions/check-batch`
    for (const body of [{ checks }, checks, { data: { checks } }]) {
      expect((await post(path, body)).body.data).toMatchObject([
        { allowed: true, requires_step_up: false },
        { allowed: true, requires_step_up: true },
        { allowed: false, requires_step_up: false },
        { allowed: true, requires_step_up: false },
      ])
    }
    for (const wrong of [[], { checks: [] }, { checks: Array.from({ length: 101 }, () => plain) }, {}]) {
      expect(await post(path, wrong)).toMatchObject({ status: 400, body: { code: 'invalid_body' } })
    }
  })

  test('is for pages of the origins of the application that asks, and of no other', async () => {
    const own = await createWorld(service, { policy: POLICY })
    const apps = `/v1/zones/${own.zoneId}/applications`
    const [ours, sibling] = ['https://ours.example', 'https://sibling.example']
    await adminOk(service, 'PATCH', `${apps}/${own.application.id}`, { origins: [ours] })
    await adminOk(service, 'POST', apps, { name: 'sibling', auth_method: 'client_secret', origins: [sibling] })
    for (const [body, status] of [
      [plain, 200],
      [{ ...plain, subject: { type: 'robot', id: 'r' } }, 422],
    ] as const) {
      for (const [origin, allowed] of [
        [ours, ours],
        [sibling, null],
      ] as const) {
        const answer = await checker(service, own)(body, { headers: { origin } })
        expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([status, allowed])
      }
    }
  })
})

describe('the ledger', () => {
  test('has every denial and every demand, and of the allows the share that the zone wants', async () => {
    const own = await createWorld(service, { policy: POLICY })
    const asks = asker(service, own)
    const settings = (share: number) =>
      adminOk(service, 'PATCH', `/v1/zones/${own.zoneId}/settings`, { decisions: { sampled_allows: share } })
    await settings(0)
    const denied = await asks({ ...plain, permission: 'close' })
    const demanded = await asks({ ...plain, permission: 'transfer' })
    for (let n = 0; n < 20; n++) await asks(plain)
    const recorded = await decisions(own)
    expect(recorded.map(({ id }) => id)).toEqual([denied.decision_id, demanded.decision_id])
    expect(recorded.map(({ event }) => event)).toMatchObject([
      { outcome: 'denied', decision: 'deny', requires_step_up: false, permission: 'close' },
      { outcome: 'denied', decision: 'deny', requires_step_up: true, required_aal: 'aal3', permission: 'transfer' },
    ])
    await settings(1)
    const allowed = await asks(plain)
    expect((await decisions(own)).at(-1)).toMatchObject({
      id: allowed.decision_id,
      event: { outcome: 'recorded', decision: 'allow', policy_version: 1 },
    })
    await settings(0.5)
    for (let n = 0; n < 200; n++) await asks(plain)
    const sampled = (await decisions(own)).length - 3
    expect(sampled).toBeGreaterThan(60)
    expect(sampled).toBeLessThan(140)
  })

  test('holds a failed authentication of whoever asks, and no secret', async () => {
    const stranger = { ...world, application: { id: world.application.id, secret: 'not-the-secret-of-anybody' } }
    expect(await checker(service, stranger)(plain)).toMatchObject({ status: 401, body: { code: 'invalid_client' } })
    const leaves = await ledgerOf(service, world.zoneId)
    expect(leaves.at(-1)?.event).toMatchObject({
      type: 'client_authentication',
      outcome: 'failed',
      reason: 'wrong_secret',
      endpoint: 'decision',
    })
    expect(JSON.stringify(leaves)).not.toContain('not-the-secret-of-anybody')
  })
})
