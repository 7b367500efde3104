import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestService, testService } from '../support/service.js'
import { adminOk, createWorld, type Form, type World } from '../support/world.js'
import { asUser } from './issuer.js'
import {
  CHALLENGE_INVALID,
  challengeRow,
  claimsOf,
  furtherApplication,
  ledgerOf,
  MFA,
  paused,
  proverToken,
  type Retry,
  retryOf,
  satisfied,
} from './support.js'

let service: TestService
let world: World
let prover: string

beforeAll(async () => {
  service = await testService()
  world = await createWorld(service)
  prover = await proverToken(world)
})
afterAll(() => service.close())

const UNUSED = { consumed_at: null, consumed_by: null, rejected_at: null, satisfied_at: expect.any(Date) }

describe('the reference policy', () => {
  test('pauses with every field and header, and what was pending ends in exactly one mandate', async () => {
    const answer = await world.exchange()
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe('Bearer error="interaction_required"')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
    expect(answer.body).toEqual({
      error: 'interaction_required',
      error_description: expect.stringMatching(/^mfa: /),
      challenge_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      challenge_type: 'mfa',
      challenge_secret: expect.stringMatching(/^[\w-]{43}$/),
      challenge_expires_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      acr_values: 'aal2',
      requestId: answer.headers.get('x-request-id'),
      receipt: {
        event_id: expect.any(String),
        leaf_index: expect.any(Number),
        leaf_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    })
    const life = Date.parse(String(answer.body.challenge_expires_at)) - Date.now()
    expect(life).toBeGreaterThan(295_000)
    expect(life).toBeLessThanOrEqual(300_500)

    const retry = retryOf(answer)
    expect(await world.satisfy(retry.challenge_id, prover, MFA)).toMatchObject({ status: 200 })
    expect(await challengeRow(service, retry.challenge_id)).toMatchObject(UNUSED)

    const issued = await world.exchange(retry)
    expect(issued.status).toBe(200)
    expect(issued.headers.get('cache-control')).toBe('no-store')
    const claims = claimsOf(issued.body.access_token)
    expect(claims).toMatchObject({
      aud: 'resource://payments',
      scope: 'transfer',
      use: 'resource',
      acr: 'aal2',
      amr: ['hwk'],
      client_id: world.application.id,
      zone_id: world.zoneId,
      ctx: { challenge_resolved: true, challenge: { id: retry.challenge_id, type: 'mfa' } },
    })
    expect(issued.body).toMatchObject({ receipt: { event_id: claims.txn } })
    expect(await challengeRow(service, retry.challenge_id)).toMatchObject({
      consumed_at: expect.any(Date),
      consumed_by: claims.txn,
    })

    expect(await world.exchange(retry)).toMatchObject(CHALLENGE_INVALID)
    const issues = (await ledgerOf(service, world.zoneId)).filter(({ event }) => event.outcome === 'issued')
    expect(issues.map(({ id }) => id)).toEqual([claims.txn])
  })

  test('an early retry is asked to wait again, gets no second secret, and counts as no failure', async () => {
    const own = await furtherApplication(world)
    const first = await own.exchange()
    const retry = retryOf(first)
    const { challenge_secret: _shownOnce, requestId: _own, receipt: _too, ...same } = first.body
    for (let times = 0; times < 7; times++) {
      const early = await own.exchange(retry)
      expect(early.status).toBe(401)
      expect(early.headers.get('www-authenticate')).toBe('Bearer error="interaction_required"')
      expect(early.body).toMatchObject(same)
      expect(early.body).not.toHaveProperty('challenge_secret')
    }
    await own.satisfy(retry.challenge_id, prover, MFA)
    expect((await own.exchange(retry)).status).toBe(200)
  })

  test('a repeat of the request joins its challenge with a secret of its own, and either secret will do', async () => {
    const own = await furtherApplication(world)
    const first = await paused(own)
    const second = await paused(own)
    expect(second.challenge_id).toBe(first.challenge_id)
    expect(second.challenge_response).not.toBe(first.challenge_response)
    await own.satisfy(first.challenge_id, prover, MFA)
    expect((await own.exchange(second)).status).toBe(200)
    expect(await own.exchange(first)).toMatchObject(CHALLENGE_INVALID)
  })
})

describe('a satisfied challenge is good for nothing but its own request, and stays unconsumed', () => {
  async function refusedButKept(retry: Retry, attempt: Form, asked: World = world, original: World = world) {
    expect(await asked.exchange({ ...retry, ...attempt })).toMatchObject(CHALLENGE_INVALID)
    expect(await challengeRow(service, retry.challenge_id)).toMatchObject(UNUSED)
    expect((await original.exchange(retry)).status).toBe(200)
  }

  test('with another scope', async () => {
    await refusedButKept(await satisfied(world, prover), { scope: 'read' })
  })

  test('with more scopes', async () => {
    await refusedButKept(await satisfied(world, prover), { scope: 'read transfer' })
  })

  test('with fewer scopes', async () => {
    const retry = await satisfied(world, prover, { scope: 'read transfer' })
    expect(await world.exchange(retry)).toMatchObject(CHALLENGE_INVALID)
    expect(await challengeRow(service, retry.challenge_id)).toMatchObject(UNUSED)
  })

  test('with another resource, more resources, or one that nobody registered', async () => {
    const identifier = 'resource://refunds'
    await adminOk(service, 'POST', `/v1/zones/${world.zoneId}/resources`, { identifier, scopes: ['transfer'] })
    await adminOk(service, 'POST', `/v1/zones/${world.zoneId}/grants`, {
      application_id: world.application.id,
      resource: identifier,
      scopes: ['transfer'],
    })
    const other = await furtherApplication(world)
    for (const resource of [identifier, [identifier, 'resource://payments'], 'resource://nobody']) {
      await refusedButKept(await satisfied(world, prover), { resource })
    }
    expect((await other.exchange()).status).toBe(401)
  })

  test('as a request for a session mandate', async () => {
    await refusedButKept(await satisfied(world, prover), { resource: undefined, scope: undefined })
  })

  test('in another session', async () => {
    // The application's session mandate is another way to the same session; an issuer's token is another session.
    const maria = await asUser(world, { sub: 'maria' })
    const elsewhere = await asUser(world, { sub: 'maria' })
    const retry = await paused(world, maria)
    const subject = { kind: 'user', issuer: 'https://idp.test', id: 'maria' }
    expect(await world.satisfy(retry.challenge_id, prover, { ...MFA, subject })).toMatchObject({ status: 200 })
    for (const attempt of [{}, elsewhere]) {
      expect(await world.exchange({ ...retry, ...attempt })).toMatchObject(CHALLENGE_INVALID)
      expect(await challengeRow(service, retry.challenge_id)).toMatchObject(UNUSED)
    }
    expect((await world.exchange({ ...retry, ...maria })).status).toBe(200)
  })

  test('by another application of the zone', async () => {
    const another = await furtherApplication(world)
    await refusedButKept(await satisfied(world, prover), {}, another)
  })

  test('in another zone', async () => {
    const elsewhere = await createWorld(service)
    await refusedButKept(await satisfied(world, prover), {}, elsewhere)
  })

  test('with another secret, or the secret of another challenge', async () => {
    const own = await furtherApplication(world)
    const retry = await satisfied(own, prover)
    const other = await paused(own, { scope: 'read' })
    await refusedButKept(retry, { challenge_response: other.challenge_response }, own, own)
    const again = await satisfied(own, prover)
    await refusedButKept(again, { challenge_response: again.challenge_response.slice(0, -1) }, own, own)
  })
})

test('a rejected challenge is refused as rejected to who knows its secret, and as invalid to who does not', async () => {
  const own = await furtherApplication(world)
  const retry = await satisfied(own, prover)
  const path = `/v1/zones/${world.zoneId}/step-up-challenges/${retry.challenge_id}/reject`
  await adminOk(service, 'POST', path, { reason: 'not today' })
  expect(await own.exchange(retry)).toMatchObject({
    status: 403,
    body: { error: 'access_denied', error_description: expect.stringMatching(/^challenge_rejected: /) },
  })
  expect(await own.exchange({ ...retry, challenge_response: 'x'.repeat(43) })).toMatchObject(CHALLENGE_INVALID)
})
