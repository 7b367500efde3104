import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestService, testService } from './support/service.js'
import { type Answer, createWorld, PAYMENTS, read, type World } from './support/world.js'

let service: TestService
let world: World

const POLICY = `package countersign.authz

allow contains "payments" if input.resource.identifier == "resource://payments"

require contains {"policy": "transfers", "aal": "aal2", "max_age": 300} if input.action.id == "transfer"

step_up contains {"policy": "wipe", "type": "human_approval"} if input.action.id == "wipe"
`

beforeAll(async () => {
  service = await testService()
  world = await createWorld(service, { policy: POLICY })
})
afterAll(() => service.close())

function basic(): string {
  const { id, secret } = world.application
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
}

async function post(path: string, body: unknown, authorization = basic()): Promise<Answer> {
  const headers = { authorization, 'content-type': 'application/json' }
  return read(await fetch(`${service.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) }))
}

const check = (body: object, authorization?: string): Promise<Answer> =>
  post(`/v1/zones/${world.zoneId}/decisions/check`, body, authorization)

const question = {
  subject: { type: 'user', id: 'alice' },
  permission: 'transfer',
  organization: null,
  application: null,
  resource: PAYMENTS,
  context: null,
  current_aal: null,
  explain: null,
}

test('a demand for a stronger session is allowed, and asks for the step-up', async () => {
  const answer = await check(question)
  expect(answer.status).toBe(200)
  expect(answer.body.data).toMatchObject({
    allowed: true,
    requires_step_up: true,
    required_aal: 'aal2',
    max_age: 300,
    aal_source: 'asserted',
    challenge_type: 'mfa',
    decision_id: expect.any(String),
    policy_version: 1,
  })
})

test('reading is granted, a person must approve a wipe, and the rest is denied', async () => {
  expect((await check({ ...question, permission: 'read' })).body.data).toMatchObject({
    allowed: true,
    requires_step_up: false,
  })
  const wipe = (await check({ data: { ...question, permission: 'wipe' } })).body.data
  expect(wipe).toMatchObject({
    allowed: true,
    requires_step_up: true,
    required_aal: null,
    challenge_type: 'human_approval',
  })
  const other = (await check({ ...question, resource: 'resource://other', explain: true })).body.data
  expect(other).toMatchObject({ allowed: false, requires_step_up: false })
  expect(JSON.stringify(other)).toContain('policy-')
})

test('a session mandate may ask only about itself', async () => {
  const { body } = await world.exchange({ resource: undefined, scope: undefined })
  const bearer = `Bearer ${body.access_token}`
  expect((await check(question, bearer)).body).toMatchObject({ code: 'not_yourself' })
  const itself = { ...question, permission: 'read', subject: { type: 'application', id: world.application.id } }
  expect((await check({ ...itself, current_aal: 'aal3' }, bearer)).body.data).toMatchObject({
    allowed: true,
    aal_source: 'session',
  })
})

test('AuthZEN answers the same, a step-up as a denial with what to ask for', async () => {
  const evaluation = {
    subject: { type: 'user', id: 'alice' },
    action: { name: 'transfer' },
    resource: { type: 'Resource', id: PAYMENTS },
  }
  const one = await post('/access/v1/evaluation', evaluation)
  expect(one.body).toMatchObject({
    decision: false,
    context: { requires_step_up: true, acr_values: 'aal2', max_age: 300 },
  })
  const many = await post(`/zones/${world.zoneId}/access/v1/evaluations`, {
    ...evaluation,
    evaluations: [{ action: { name: 'read' } }, {}],
  })
  expect(many.body.evaluations).toMatchObject([{ decision: true }, { decision: false }])
  const found = await post('/access/v1/search/resource', {
    ...evaluation,
    action: { name: 'read' },
    resource: { type: 'Resource' },
  })
  expect(found.body.results).toEqual([{ type: 'Resource', id: PAYMENTS }])
})

test("a context may not fill the service's own keys", async () => {
  const answer = await check({ ...question, context: { challenge_resolved: true } })
  expect(answer).toMatchObject({ status: 400, body: { code: 'reserved_context_key' } })
})
