import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestService, testService } from '../support/service.js'
import { adminOk, createWorld, PAYMENTS, read, type World } from '../support/world.js'
import { asUser, ISSUER } from './issuer.js'
import { claimsOf, passTime, proverToken, query, retryOf } from './support.js'

const POLICY = `package countersign.authz

allow contains "payments"

require contains {"policy": "transfers", "aal": "aal2", "max_age": 300} if "transfer" in input.context.requested_scopes
`

const SESSION = { resource: undefined, scope: undefined }
const ALICE = { kind: 'user', issuer: ISSUER, id: 'alice' }
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

let service: TestService
let world: World
let prover: string

beforeAll(async () => {
  service = await testService()
  world = await createWorld(service, { policy: POLICY })
  prover = await proverToken(world)
})
afterAll(() => service.close())

let users = 0

/** A user with a session of their own, by a token of their identity provider. */
async function openSession(more: { acr?: string; issuedAt?: number; auth_time?: null } = {}) {
  const user = { sub: `user-${++users}`, sid: `sid-${users}` }
  const answer = await world.exchange({
    ...SESSION,
    ...(await asUser(world, { ...user, issuedAt: seconds(), ...more })),
  })
  expect(answer.status).toBe(200)
  return { user, mandate: String(answer.body.access_token) }
}

function withMandate(mandate: string) {
  return { subject_token: mandate, subject_token_type: ACCESS_TOKEN }
}

async function storedAal(user: { sub: string }): Promise<string | undefined> {
  const [row] = await query<{ aal: string }>(service, 'SELECT aal FROM sessions WHERE subject = $1', [user.sub])
  return row?.aal
}

let passed = 0

async function pass(seconds: number): Promise<void> {
  await passTime(service, seconds)
  passed += seconds
}

/** The service's time. */
const seconds = (): number => Math.floor(Date.now() / 1000) + passed

describe('a session’s level', () => {
  test('is what its issuer’s token says, by the zone’s mapping, and stands in its mandates', async () => {
    const { mandate } = await openSession({ acr: 'mfa' })
    expect(claimsOf(mandate)).toMatchObject({ acr: 'aal2', auth_time: expect.any(Number) })
    expect(claimsOf((await openSession({ acr: 'something else' })).mandate)).toMatchObject({ acr: 'aal1' })
  })

  test('rises by a fresher token of the same session; an older one changes nothing', async () => {
    const { user } = await openSession({ issuedAt: seconds() - 100 })
    const older = await asUser(world, { ...user, acr: 'mfa', issuedAt: seconds() - 200 })
    await world.exchange({ ...SESSION, ...older })
    expect(await storedAal(user)).toBe('aal1')
    const fresher = await asUser(world, { ...user, acr: 'mfa', issuedAt: seconds() - 10 })
    expect(claimsOf((await world.exchange({ ...SESSION, ...fresher })).body.access_token)).toMatchObject({
      acr: 'aal2',
    })
    expect(await storedAal(user)).toBe('aal2')
  })

  test('is not lowered by a fresher token that proves less', async () => {
    const { user } = await openSession({ acr: 'mfa', issuedAt: seconds() - 100 })
    await world.exchange({ ...SESSION, ...(await asUser(world, { ...user, issuedAt: seconds() })) })
    expect(await storedAal(user)).toBe('aal2')
  })

  test('rises by a session-mandate request that asks for it and passes its challenge', async () => {
    const { user, mandate } = await openSession()
    const form = { ...SESSION, ...withMandate(mandate), acr_values: 'aal2', max_age: '300' }
    const answer = await world.exchange(form)
    expect(answer.body).toMatchObject({ challenge_type: 'mfa', acr_values: 'aal2', max_age: 300 })
    const retry = retryOf(answer)
    const proof = { subject: { ...ALICE, id: user.sub }, aal: 'aal2', amr: ['hwk'], method: 'webauthn' }
    expect(await world.satisfy(retry.challenge_id, prover, proof)).toMatchObject({ status: 200 })
    const raised = await world.exchange({ ...form, ...retry })
    expect(claimsOf(raised.body.access_token)).toMatchObject({ acr: 'aal2', amr: ['hwk'], use: 'session' })
    // What was raised is the session, so its mandate does not end with the challenge.
    expect(raised.body).toMatchObject({ expires_in: 3600 })
    expect(await storedAal(user)).toBe('aal2')
    // The raised session needs no further challenge, neither for itself nor for what requires its level.
    expect(await world.exchange(form)).toMatchObject({ status: 200 })
    expect(await world.exchange(withMandate(mandate))).toMatchObject({ status: 200 })
  })

  test('is never asked for anew below what the session has: a proof of less would be spent on nothing', async () => {
    const { user, mandate } = await openSession({ acr: 'mfa' })
    await pass(61)
    const form = { ...SESSION, ...withMandate(mandate), max_age: '60' }
    const answer = await world.exchange(form)
    expect(answer.body).toMatchObject({ challenge_type: 'mfa', acr_values: 'aal2', max_age: 60 })
    const retry = retryOf(answer)
    const proof = { subject: { ...ALICE, id: user.sub }, aal: 'aal1', amr: ['pwd'], method: 'password' }
    expect(await world.satisfy(retry.challenge_id, prover, proof)).toMatchObject({ status: 422 })
    expect(await world.satisfy(retry.challenge_id, prover, { ...proof, aal: 'aal2' })).toMatchObject({ status: 200 })
    const renewed = await world.exchange({ ...form, ...retry })
    expect(claimsOf(renewed.body.access_token)).toMatchObject({ acr: 'aal2' })
    expect(await world.exchange(form)).toMatchObject({ status: 200 })
  })

  test('rises by its proof also when the retry brings a fresher token', async () => {
    const { user } = await openSession({ issuedAt: seconds() - 100 })
    const asking = { ...SESSION, acr_values: 'aal2' }
    const older = await asUser(world, { ...user, issuedAt: seconds() - 90 })
    const retry = retryOf(await world.exchange({ ...asking, ...older }))
    const proof = { subject: { ...ALICE, id: user.sub }, aal: 'aal2', amr: ['hwk'], method: 'webauthn' }
    expect(await world.satisfy(retry.challenge_id, prover, proof)).toMatchObject({ status: 200 })
    const fresher = await asUser(world, { ...user, issuedAt: seconds() - 50 })
    const raised = await world.exchange({ ...asking, ...fresher, ...retry })
    expect(claimsOf(raised.body.access_token)).toMatchObject({ acr: 'aal2' })
    expect(await storedAal(user)).toBe('aal2')
  })

  test('does not rise by a proof given for anything else', async () => {
    const { user, mandate } = await openSession()
    const retry = retryOf(await world.exchange(withMandate(mandate)))
    const proof = { subject: { ...ALICE, id: user.sub }, aal: 'aal2', amr: ['hwk'], method: 'webauthn' }
    expect(await world.satisfy(retry.challenge_id, prover, proof)).toMatchObject({ status: 200 })
    const issued = await world.exchange({ ...withMandate(mandate), ...retry })
    expect(claimsOf(issued.body.access_token)).toMatchObject({ acr: 'aal2', scope: 'transfer' })
    expect(await storedAal(user)).toBe('aal1')
    expect((await world.exchange(withMandate(mandate))).body).toMatchObject({ error: 'interaction_required' })
  })

  test('ages: what was fresh enough is asked for again', async () => {
    const { mandate } = await openSession({ acr: 'mfa' })
    expect(await world.exchange(withMandate(mandate))).toMatchObject({ status: 200 })
    await pass(301)
    const answer = await world.exchange(withMandate(mandate))
    expect(answer.body).toMatchObject({ error: 'interaction_required', acr_values: 'aal2', max_age: 300 })
  })

  test('is shown to administrators as what it counts for: nothing without an auth_time, and less when it has lapsed', async () => {
    const shown = async (mandate: string) => {
      const path = `/v1/zones/${world.zoneId}/sessions/${claimsOf(mandate).sid}`
      return (await adminOk(service, 'GET', path)).aal
    }
    const undated = await openSession({ acr: 'phr', auth_time: null })
    expect([claimsOf(undated.mandate).acr, await shown(undated.mandate)]).toEqual(['aal1', 'aal1'])
    const { mandate } = await openSession({ acr: 'phr' })
    expect(await shown(mandate)).toBe('aal3')
    await pass(901)
    expect(await shown(mandate)).toBe('aal2')
  })

  test('aal2 lapses after an hour idle', async () => {
    const { user } = await openSession({ acr: 'mfa' })
    const token = await asUser(world, { ...user, acr: 'mfa', issuedAt: seconds() - 5 })
    await pass(3_700)
    expect(claimsOf((await world.exchange({ ...SESSION, ...token })).body.access_token)).toMatchObject({ acr: 'aal1' })
  })
})

describe('a caller’s own word for the level', () => {
  const basic = () => `Basic ${Buffer.from(`${world.application.id}:${world.application.secret}`).toString('base64')}`
  const post = async (path: string, body: object, authorization: string) => {
    const headers = { authorization, 'content-type': 'application/json' }
    return read(await fetch(`${service.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) }))
  }
  const question = (sub: string) => ({
    subject: { type: 'user', id: sub, issuer: ISSUER },
    permission: 'transfer',
    resource: PAYMENTS,
    current_aal: 'aal3',
  })

  test('never raises a session that the decision point knows', async () => {
    const { user, mandate } = await openSession()
    const path = `/v1/zones/${world.zoneId}/decisions/check`
    for (const authorization of [`Bearer ${mandate}`, basic()]) {
      const { body } = await post(path, question(user.sub), authorization)
      expect(body.data).toMatchObject({ requires_step_up: true, required_aal: 'aal2', aal_source: 'session' })
    }
  })

  test('never raises a session through AuthZEN', async () => {
    const { user, mandate } = await openSession()
    const evaluation = {
      subject: { type: 'user', id: user.sub, properties: { issuer: ISSUER } },
      action: { name: 'transfer' },
      resource: { type: 'Resource', id: PAYMENTS },
      context: { current_aal: 'aal3' },
    }
    for (const authorization of [`Bearer ${mandate}`, basic()]) {
      const { body } = await post('/access/v1/evaluation', evaluation, authorization)
      expect(body).toMatchObject({ decision: false, context: { acr_values: 'aal2', aal_source: 'session' } })
    }
  })

  test('never counts in an exchange', async () => {
    const { mandate } = await openSession()
    const answer = await world.exchange({ ...withMandate(mandate), current_aal: 'aal3' })
    expect(answer.body).toMatchObject({ error: 'interaction_required' })
  })

  test('counts only for somebody of whom no session is known, says so, and has no age', async () => {
    const { body } = await post(`/v1/zones/${world.zoneId}/decisions/check`, question('nobody'), basic())
    expect(body.data).toMatchObject({ requires_step_up: true, aal_source: 'asserted', max_age: 300 })
  })
})

describe('a decision', () => {
  test('is granted to a session that has the level, and no longer when it was revoked, on any node', async () => {
    const second = await testService({ beside: service })
    try {
      const { user, mandate } = await openSession({ acr: 'mfa' })
      const ask = async (url: string) => {
        const response = await fetch(`${url}/v1/zones/${world.zoneId}/decisions/check`, {
          method: 'POST',
          headers: { authorization: `Bearer ${mandate}`, 'content-type': 'application/json' },
          body: JSON.stringify({ subject: { type: 'user', id: user.sub }, permission: 'transfer', resource: PAYMENTS }),
        })
        return read(response)
      }
      for (const url of [service.url, second.url]) {
        expect((await ask(url)).body.data).toMatchObject({
          allowed: true,
          requires_step_up: false,
          aal_source: 'session',
        })
      }
      const { sid } = claimsOf(mandate)
      await adminOk(service, 'POST', `/v1/zones/${world.zoneId}/sessions/${sid}/revoke`, {})
      for (const url of [service.url, second.url]) expect(await ask(url)).toMatchObject({ status: 401 })
    } finally {
      await second.close()
    }
  })

  test('that is not an allow can be looked up in the ledger by its id', async () => {
    const { user, mandate } = await openSession()
    const response = await fetch(`${service.url}/v1/zones/${world.zoneId}/decisions/check`, {
      method: 'POST',
      headers: { authorization: `Bearer ${mandate}`, 'content-type': 'application/json' },
      body: JSON.stringify({ subject: { type: 'user', id: user.sub }, permission: 'transfer', resource: PAYMENTS }),
    })
    const { data } = (await read(response)).body as { data: { decision_id: string } }
    const event = await adminOk(service, 'GET', `/v1/zones/${world.zoneId}/audit/events/${data.decision_id}`)
    expect(event).toMatchObject({ event: { type: 'decision', outcome: 'denied', requires_step_up: true } })
  })
})
