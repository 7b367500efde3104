import { afterAll, beforeAll, expect, test } from 'vitest'
import { asUser, ISSUER } from '../promises/issuer.js'
import { claimsOf, passTime, proverToken, query, retryOf } from '../promises/support.js'
import { type TestService, testService } from '../support/service.js'
import { createWorld, PAYMENTS, type World } from '../support/world.js'
import { asker } from './support.js'

const POLICY = `package countersign.authz

allow contains "payments"

require contains {"policy": "transfers", "aal": "aal2"} if "transfer" in input.context.requested_scopes
`

const SESSION = { resource: undefined, scope: undefined }
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const MINUTE = 60

let service: TestService
let world: World

beforeAll(async () => {
  service = await testService()
  world = await createWorld(service, { policy: POLICY })
})
afterAll(() => service.close())

const transfer = (mandate: string, form = {}) =>
  world.exchange({
    subject_token: mandate,
    subject_token_type: ACCESS_TOKEN,
    ...form,
  })

test('a level that lapsed idle stays lapsed however often the session is used, until it is proved again', async () => {
  const bob = await asUser(world, { sub: 'bob', sid: 'b', acr: 'mfa' })
  const open = async () => String((await world.exchange({ ...SESSION, ...bob })).body.access_token)
  const fresh = await open()
  expect(await transfer(fresh)).toMatchObject({ status: 200 })

  // Half an hour is not idle enough, and using it is using it.
  await passTime(service, 40 * MINUTE)
  expect(await transfer(fresh)).toMatchObject({ status: 200 })
  await passTime(service, 61 * MINUTE)
  const late = await open()
  for (let uses = 0; uses < 3; uses++) {
    expect((await transfer(late)).body).toMatchObject({ error: 'interaction_required', acr_values: 'aal2' })
    await passTime(service, MINUTE)
  }

  const raise = { ...SESSION, acr_values: 'aal2' }
  const retry = retryOf(await transfer(late, raise))
  const proof = { subject: { kind: 'user', issuer: ISSUER, id: 'bob' }, aal: 'aal2', amr: ['hwk'], method: 'webauthn' }
  expect(await world.satisfy(retry.challenge_id, await proverToken(world), proof)).toMatchObject({ status: 200 })
  const raised = await transfer(late, { ...raise, ...retry })
  expect(claimsOf(raised.body.access_token)).toMatchObject({ acr: 'aal2' })
  expect(await transfer(late)).toMatchObject({ status: 200 })
  await passTime(service, 40 * MINUTE)
  expect(await transfer(String(raised.body.access_token))).toMatchObject({ status: 200 })
})

test('what is left of a level that lapsed idle stays as long as the session is used, and no old login brings more back', async () => {
  const loggedIn = await seconds()
  const login = { sub: 'erin', sid: 'e', acr: 'phr', auth_time: loggedIn }
  const token = async () => asUser(world, { ...login, issuedAt: await seconds() })
  const level = async (form: object) => claimsOf((await world.exchange({ ...SESSION, ...form })).body.access_token).acr
  const first = await token()
  expect(await level(first)).toBe('aal3')
  await passTime(service, 16 * MINUTE)
  expect(await level(first)).toBe('aal2')
  for (let minutes = 24; minutes < 120; minutes += 8) {
    await passTime(service, 8 * MINUTE)
    // A token that is renewed tells of the same login.
    expect(await level(minutes % 16 === 0 ? first : await token()), `after ${minutes} minutes`).toBe('aal2')
  }
  expect(await level(await asUser(world, { ...login, auth_time: await seconds(), issuedAt: await seconds() }))).toBe(
    'aal3',
  )
  await passTime(service, 63 * MINUTE)
  for (let uses = 0; uses < 3; uses++) {
    expect(await level(await token())).toBe('aal1')
    await passTime(service, 8 * MINUTE)
  }
})

test('a session that is in use on one node does not lapse on another', async () => {
  const busy = await testService({ beside: service })
  const dave = await asUser(world, { sub: 'dave', sid: 'd', acr: 'mfa', issuedAt: await seconds() })
  const first = String((await world.exchange({ ...SESSION, ...dave })).body.access_token)
  expect(await transfer(first)).toMatchObject({ status: 200 })
  await passTime([service, busy], 40 * MINUTE)
  const there = { ...SESSION, subject_token: first, subject_token_type: ACCESS_TOKEN }
  const second = String((await world.exchange(there, { url: busy.url })).body.access_token)
  // Uses are written down once a minute, and when a node stops.
  await busy.close()
  await passTime(service, 25 * MINUTE)
  expect(await transfer(second)).toMatchObject({ status: 200 })
})

test('being asked about is no use: a page left open does not keep a level from lapsing', async () => {
  const carol = await asUser(world, { sub: 'carol', sid: 'c', acr: 'mfa', issuedAt: await seconds() })
  const mandate = String((await world.exchange({ ...SESSION, ...carol })).body.access_token)
  const ask = asker(service, world)
  const question = { subject: { type: 'user', id: 'carol' }, permission: 'transfer', resource: PAYMENTS }
  for (const minutes of [0, 20, 20]) {
    await passTime(service, minutes * MINUTE)
    expect(await ask(question, { bearer: mandate })).toMatchObject({ allowed: true, requires_step_up: false })
  }
  await passTime(service, 25 * MINUTE)
  // The mandate has ended by then, and the application asks.
  expect(await ask({ ...question, subject: { type: 'user', id: 'carol' } })).toMatchObject({
    requires_step_up: true,
    required_aal: 'aal2',
    aal_source: 'session',
  })
})

async function seconds(): Promise<number> {
  const [row] = await query<{ now: number }>(service, 'SELECT extract(epoch FROM countersign.now())::float8 AS now')
  return Math.floor(row?.now ?? 0)
}
