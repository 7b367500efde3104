import { isGranted } from '@countersign/protocol'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toEvaluation } from '../../src/decision/evaluation.js'
import { query } from '../promises/support.js'
import { type TestService, testService } from '../support/service.js'
import { adminOk, createWorld, PAYMENTS, read, type World } from '../support/world.js'
import { asker, poster } from './support.js'

// What policy says follows from the question, so that any decision can be asked for.
const POLICY = `package countersign.authz

allow contains "asked" if input.context.allow
deny contains {"policy": "asked", "reason": "asked"} if input.context.deny
step_up contains {"policy": "asked", "type": type} if some type in input.context.step_up
require contains {"policy": "asked", "aal": input.context.aal, "max_age": 300} if input.context.aal
`

let service: TestService
let world: World
let post: ReturnType<typeof poster>

beforeAll(async () => {
  service = await testService()
  world = await createWorld(service, { policy: POLICY })
  post = poster(service, world)
})
afterAll(() => service.close())

const alice = { type: 'user', id: 'alice' }
const evaluation = {
  subject: alice,
  action: { name: 'read' },
  resource: { type: 'Resource', id: PAYMENTS },
  context: { allow: true },
}

test('a pending step-up is never a yes, whatever policy asks for', async () => {
  const ask = asker(service, world)
  const contexts = fc.record({
    allow: fc.boolean(),
    deny: fc.boolean(),
    step_up: fc.subarray(['mfa', 'human_approval', 'software_attestation', 'nonsense']),
    aal: fc.option(fc.constantFrom('aal1', 'aal2', 'aal3'), { nil: undefined }),
  })
  let pending = 0
  await fc.assert(
    fc.asyncProperty(contexts, fc.constantFrom('aal1', 'aal2', 'aal3'), async (context, aal) => {
      const { body } = await post('/access/v1/evaluation', { ...evaluation, context: { ...context, current_aal: aal } })
      const data = await ask({ subject: alice, permission: 'read', resource: PAYMENTS, context, current_aal: aal })
      expect(body.decision).toBe(isGranted(data))
      const asks = (body.context as { requires_step_up?: boolean }).requires_step_up === true
      expect(asks).toBe(data.requires_step_up)
      if (asks) expect(body.decision).toBe(false)
      if (asks) pending++
    }),
    // One in seven asks for a step-up.
    { numRuns: 200 },
  )
  expect(pending).toBeGreaterThan(5)
})

test('no decision that asks for a step-up is put as a yes', () => {
  const data = fc.record({
    allowed: fc.boolean(),
    requires_step_up: fc.boolean(),
    required_aal: fc.constantFrom(null, 'aal1' as const, 'aal2' as const, 'aal3' as const),
    max_age: fc.option(fc.nat()),
    challenge_type: fc.constantFrom(null, 'mfa' as const, 'human_approval' as const),
  })
  const rest = { decision_id: 'id', policy_version: 1, aal_source: 'session' as const, matched: [], explanation: [] }
  fc.assert(
    fc.property(data, (some) => {
      const { decision } = toEvaluation({ ...rest, ...some })
      expect(decision).toBe(some.allowed && !some.requires_step_up)
    }),
  )
})

describe('evaluations', () => {
  const yes = { context: { allow: true } }
  const no = { context: { deny: true } }
  const stepUp = { context: { allow: true, aal: 'aal2' } }
  const run = async (evaluations: readonly object[], semantic?: string) => {
    const options = semantic === undefined ? {} : { options: { evaluations_semantic: semantic } }
    const { body } = await post('/access/v1/evaluations', { ...evaluation, evaluations, ...options })
    return (body.evaluations as { decision: boolean }[]).map(({ decision }) => decision)
  }

  test('answers all, or until the first no, or until the first yes; a pending step-up is a no', async () => {
    expect(await run([yes, stepUp, no, yes])).toEqual([true, false, false, true])
    expect(await run([yes, stepUp, yes], 'deny_on_first_deny')).toEqual([true, false])
    expect(await run([stepUp, no, yes, no], 'permit_on_first_permit')).toEqual([false, false, true])
    expect(await run([yes, yes], 'deny_on_first_deny')).toEqual([true, true])
  })

  test('what comes after the cut is not recorded', async () => {
    const recorded = async () => {
      const sql = `SELECT count(*)::int AS n FROM audit_events WHERE zone_id = $1 AND event LIKE '%"type":"decision"%'`
      return (await query<{ n: number }>(service, sql, [world.zoneId]))[0]?.n ?? 0
    }
    const before = await recorded()
    await run([no, no, no], 'deny_on_first_deny')
    expect(await recorded()).toBe(before + 1)
  })

  test('without a list it is one evaluation, and more than a hundred are refused', async () => {
    for (const evaluations of [undefined, []]) {
      expect((await post('/access/v1/evaluations', { ...evaluation, evaluations })).body).toMatchObject({
        decision: true,
      })
    }
    const many = { ...evaluation, evaluations: Array.from({ length: 101 }, () => ({})) }
    expect(await post('/access/v1/evaluations', many)).toMatchObject({ status: 400, body: { code: 'invalid_body' } })
    const odd = { ...evaluation, evaluations: [{}], options: { evaluations_semantic: 'sometimes' } }
    expect(await post('/access/v1/evaluations', odd)).toMatchObject({ status: 400, body: { code: 'invalid_body' } })
  })
})

test('a search gives every resource once, page by page, and an empty token on the last page', async () => {
  const own = await createWorld(service, { policy: 'package countersign.authz\n\nallow contains "all"\n' })
  const identifiers = [PAYMENTS]
  const long = 'x'.repeat(1990)
  for (const name of ['a', 'b', 'c', long]) {
    const identifier = `https://api.example/${name}`
    identifiers.push(identifier)
    await adminOk(service, 'POST', `/v1/zones/${own.zoneId}/resources`, { identifier, scopes: ['read'] })
    const grant = { application_id: own.application.id, resource: identifier, scopes: ['read'] }
    await adminOk(service, 'POST', `/v1/zones/${own.zoneId}/grants`, grant)
  }
  const send = poster(service, own)
  for (const limit of [1, 2, 4, 5, 6]) {
    const found: string[] = []
    let pages = 0
    for (let token = ''; ; pages++) {
      const search = { ...evaluation, context: null, resource: { type: 'Resource' }, page: { token, limit } }
      const { status, body } = await send('/access/v1/search/resource', search)
      expect(status).toBe(200)
      found.push(...(body.results as { id: string }[]).map(({ id }) => id))
      token = (body.page as { next_token: string }).next_token
      if (token === '') break
    }
    expect(found).toEqual([...identifiers].sort())
    expect(pages + 1).toBe(Math.ceil(identifiers.length / limit))
  }
  const other = { ...evaluation, context: null, resource: { type: 'account' } }
  expect((await send('/access/v1/search/resource', other)).body).toEqual({ results: [], page: { next_token: '' } })
  const foreign = { ...evaluation, context: null, page: { token: 'bm90IG91cnM' } }
  expect(await send('/access/v1/search/resource', foreign)).toMatchObject({
    status: 400,
    body: { code: 'invalid_cursor' },
  })
})

test('its metadata stands where the specification looks for it, for anyone, and only of zones that are there', async () => {
  const { baseUrl } = service.config
  for (const [path, pdp] of [
    ['', baseUrl],
    [`/zones/${world.zoneId}`, `${baseUrl}/zones/${world.zoneId}`],
  ]) {
    const response = await fetch(`${service.url}/.well-known/authzen-configuration${path}`, {
      headers: { origin: 'https://anyone.example' },
    })
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(await response.json()).toEqual({
      policy_decision_point: pdp,
      access_evaluation_endpoint: `${pdp}/access/v1/evaluation`,
      access_evaluations_endpoint: `${pdp}/access/v1/evaluations`,
      search_resource_endpoint: `${pdp}/access/v1/search/resource`,
    })
  }
  for (const id of ['nothing', '0197a0d0-0000-7000-8000-000000000000']) {
    expect((await fetch(`${service.url}/.well-known/authzen-configuration/zones/${id}`)).status).toBe(404)
  }
})

test('the request id comes back, nothing is cached, and who is not known is told how to say who they are', async () => {
  const answer = await post('/access/v1/evaluation', evaluation, { headers: { 'x-request-id': 'my-own-id-1' } })
  expect(answer.headers.get('x-request-id')).toBe('my-own-id-1')
  expect(answer.headers.get('cache-control')).toBe('no-store')
  const credentials = [
    undefined,
    'Basic bm9ib2R5OnNlY3JldA==',
    'Bearer nonsense',
    `Bearer a.${btoa('{"zone_id":1}')}.c`,
  ]
  for (const authorization of credentials) {
    for (const path of ['/access/v1/evaluation', `/zones/${world.zoneId}/access/v1/evaluation`]) {
      const headers = { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) }
      const body = JSON.stringify(evaluation)
      const refused = await read(await fetch(`${service.url}${path}`, { method: 'POST', headers, body }))
      expect(refused.status, `${authorization} ${path}`).toBe(401)
      expect(refused.headers.get('www-authenticate')).toMatch(/^(?:Basic|Bearer) /)
    }
  }
})
