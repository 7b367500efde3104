import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asUser } from '../promises/issuer.js'
import { challengeRow, MFA, paused, proverToken, type Retry } from '../promises/support.js'
import { type TestService, testService } from '../support/service.js'
import { createWorld, type Form, postForm, read, type World } from '../support/world.js'

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

// Two tenants that have everything alike: the same resource, scopes, policy, and users of the same issuer.
let service: TestService
let mine: World
let theirs: World
let session: string
let satisfied: Retry

beforeAll(async () => {
  service = await testService()
  mine = await createWorld(service)
  theirs = await createWorld(service)
  await asUser(mine, { sub: 'alice' })
  const alice = await asUser(theirs, { sub: 'alice' })
  session = String((await theirs.exchange({ ...alice, resource: undefined, scope: undefined })).body.access_token)
  satisfied = await paused(theirs)
  expect(await theirs.satisfy(satisfied.challenge_id, await proverToken(theirs), MFA)).toMatchObject({ status: 200 })
})
afterAll(() => service.close())

const basicOf = ({ application }: World) =>
  `Basic ${Buffer.from(`${application.id}:${application.secret}`).toString('base64')}`

async function ask(path: string, authorization: string, body: object) {
  const headers = { authorization, 'content-type': 'application/json' }
  return read(await fetch(`${service.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) }))
}

describe('what another zone issued is worth nothing in this one', () => {
  test.each<[string, () => Form]>([
    ['its session mandate as the subject', () => ({ subject_token: session, subject_token_type: ACCESS_TOKEN })],
    ['its session mandate as the actor', () => ({ actor_token: session, actor_token_type: ACCESS_TOKEN })],
    [
      'its application and secret',
      () => ({ client_id: theirs.application.id, client_secret: theirs.application.secret }),
    ],
    ['its satisfied challenge and secret', () => satisfied],
    ['the id of its session', () => ({ session_id: String(claims(session).sid) })],
    ['the id of its session as an agent', () => ({ agent_session_id: String(claims(session).sid) })],
    ['an id of its own as a delegation', () => ({ delegation_edge_id: theirs.grantId })],
  ])('%s', async (_name, form) => {
    const { status, body } = await mine.exchange(form())
    expect([400, 401]).toContain(status)
    expect(body.error).toMatch(/^(invalid_request|invalid_grant|invalid_client|access_denied)$/)
    // What exists next door and what exists nowhere are told in the same words.
    const nothing = Object.fromEntries(
      Object.entries(form()).map(([name, value]) => [
        name,
        name.endsWith('_id') ? '019b0000-0000-7000-8000-000000000000' : value,
      ]),
    )
    if (status !== 401 || body.error === 'access_denied') {
      expect((await mine.exchange(nothing)).body.error_description).toBe(body.error_description)
    }
    expect(await challengeRow(service, satisfied.challenge_id)).toMatchObject({ consumed_at: null })
  })

  test('its mandate is inactive to introspection, and revoking it here ends nothing there', async () => {
    const here = `${service.url}/zones/${mine.zoneId}/oauth/2`
    const headers = { authorization: basicOf(mine) }
    expect((await postForm(`${here}/introspect`, { token: session }, headers)).body).toEqual({ active: false })
    expect((await postForm(`${here}/revoke`, { token: session }, headers)).status).toBe(200)
    const there = `${service.url}/zones/${theirs.zoneId}/oauth/2/introspect`
    expect((await postForm(there, { token: session }, { authorization: basicOf(theirs) })).body.active).toBe(true)
  })

  test('its mandate asks nothing of the decision point, and neither does its application', async () => {
    const question = { subject: { type: 'User', id: 'alice' }, permission: 'transfer', action: { name: 'transfer' } }
    const resource = { type: 'Resource', id: 'resource://payments' }
    for (const authorization of [`Bearer ${session}`, basicOf(theirs)]) {
      for (const path of [
        `/v1/zones/${mine.zoneId}/decisions/check`,
        `/v1/zones/${mine.zoneId}/decisions/list-resources`,
        `/zones/${mine.zoneId}/access/v1/evaluation`,
        `/zones/${mine.zoneId}/access/v1/search/resource`,
      ]) {
        expect((await ask(path, authorization, { ...question, resource })).status, path).toBe(401)
      }
    }
  })

  test('where no zone is named the credential’s own zone answers, and knows nothing of the other', async () => {
    const about = (world: World) => ({
      subject: { type: 'Application', id: world.application.id },
      action: { name: 'transfer' },
      resource: { type: 'Resource', id: 'resource://payments' },
    })
    const foreign = await ask('/access/v1/evaluation', basicOf(mine), about(theirs))
    const nobody = await ask('/access/v1/evaluation', basicOf(mine), {
      ...about(theirs),
      subject: { type: 'Application', id: '019b0000-0000-7000-8000-000000000000' },
    })
    expect(foreign.status).toBe(nobody.status)
    expect(JSON.stringify(foreign.body)).not.toContain(theirs.zoneId)
    const without = ({ body: { context, ...rest } }: typeof foreign) => ({
      ...rest,
      context: undefined,
      had: typeof context,
    })
    expect(without(foreign)).toEqual({ ...without(nobody), requestId: foreign.body.requestId })
  })

  test('an Idempotency-Key of one zone recovers nothing in another', async () => {
    const headers = { 'idempotency-key': 'the-same-key-in-both-zones' }
    const own = { resource: undefined, scope: undefined }
    const [there, here] = [await theirs.exchange(own, { headers }), await mine.exchange(own, { headers })]
    expect([there.status, here.status]).toEqual([200, 200])
    expect(claims(there.body.access_token).jti).not.toBe(claims(here.body.access_token).jti)
    expect(claims(here.body.access_token).zone_id).toBe(mine.zoneId)
  })

  test('a revoked user of one is a user like any other of the other', async () => {
    const subject = { kind: 'user', issuer: 'https://idp.test', id: 'alice' }
    const token = await mine.token(['write'])
    const path = `${service.url}/v1/zones/${mine.zoneId}/subjects/revoke`
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const revoked = await fetch(path, { method: 'POST', headers, body: JSON.stringify({ subject }) })
    expect(revoked.status).toBe(200)
    const answer = await theirs.exchange({ subject_token: session, subject_token_type: ACCESS_TOKEN })
    expect(answer.body.error).toBe('interaction_required')
  })
})

function claims(token: unknown): Record<string, unknown> {
  return JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString())
}
