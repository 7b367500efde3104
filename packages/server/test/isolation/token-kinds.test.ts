import { afterAll, beforeAll, expect, test } from 'vitest'
import { asUser, ID_TOKEN } from '../promises/issuer.js'
import { furtherApplication } from '../promises/support.js'
import { type TestService, testService } from '../support/service.js'
import { createWorld, type Form, type World } from '../support/world.js'

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'

let service: TestService
let world: World
let idToken: string
let session: string
let mandate: string

beforeAll(async () => {
  service = await testService()
  world = await createWorld(service, { policy: 'package countersign.authz\n\nallow contains "all" if true\n' })
  const alice = await asUser(world, { sub: 'alice' })
  idToken = alice.subject_token
  session = String((await world.exchange({ ...alice, resource: undefined, scope: undefined })).body.access_token)
  mandate = String((await world.exchange(alice)).body.access_token)
})
afterAll(() => service.close())

test('the session mandate is good where it belongs', async () => {
  expect(await world.exchange({ subject_token: session, subject_token_type: ACCESS_TOKEN })).toMatchObject({
    status: 200,
  })
})

test.each<[string, () => Form]>([
  ['a resource mandate as the subject', () => ({ subject_token: mandate, subject_token_type: ACCESS_TOKEN })],
  ['a resource mandate as the subject, called a JWT', () => ({ subject_token: mandate, subject_token_type: JWT })],
  ['a resource mandate as the actor', () => ({ actor_token: mandate, actor_token_type: ACCESS_TOKEN })],
  ['an issuer’s token called an access token', () => ({ subject_token: idToken, subject_token_type: ACCESS_TOKEN })],
  ['a session mandate called an ID token', () => ({ subject_token: session, subject_token_type: ID_TOKEN })],
  ['an issuer’s token as the actor', () => ({ actor_token: idToken, actor_token_type: JWT })],
])('%s is refused', async (_name, form) => {
  expect(await world.exchange(form())).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
})

test('a session mandate in the hands of another application of the zone is refused', async () => {
  const thief = await furtherApplication(world)
  const stolen = { subject_token: session, subject_token_type: ACCESS_TOKEN }
  expect((await thief.exchange(stolen)).status).toBe(400)
  expect((await thief.exchange({ ...stolen, resource: undefined, scope: undefined })).status).toBe(400)
})
