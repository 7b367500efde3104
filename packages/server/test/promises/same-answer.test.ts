import { afterAll, beforeAll, expect, test } from 'vitest'
import { basicOf } from '../decisions/support.js'
import { type TestService, testService } from '../support/service.js'
import { createWorld, PAYMENTS, type World } from '../support/world.js'

// Ordinary requests are answered without Fastify, all others by it, from the same code. Nobody must be able to tell by what
// answered: here each request is sent as an ordinary one, and with a media type written in a way that is not.

let service: TestService
let world: World

beforeAll(async () => {
  service = await testService()
  world = await createWorld(service)
})
afterAll(() => service.close())

const VARIES = new Set(['date', 'x-request-id', 'content-length', 'connection', 'keep-alive'])
const ID = /[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g

/** An answer without what is new in each. */
async function shapeOf(response: Response) {
  const headers = Object.fromEntries([...response.headers].filter(([name]) => !VARIES.has(name)))
  const body = JSON.parse(await response.text(), (key, value: unknown) => {
    if (typeof value === 'string') {
      if (['access_token', 'challenge_secret', 'leaf_hash', 'challenge_expires_at'].includes(key)) return key
      return value.replace(ID, 'id')
    }
    return key === 'leaf_index' ? 0 : value
  })
  expect(response.headers.get('x-request-id')).toMatch(ID)
  return { status: response.status, headers, body }
}

async function bothWays(path: string, types: readonly [string, string], body: BodyInit, headers: object = {}) {
  const [ordinary, other] = await Promise.all(
    types.map(async (type) =>
      shapeOf(
        await fetch(`${service.url}${path}`, { method: 'POST', body, headers: { 'content-type': type, ...headers } }),
      ),
    ),
  )
  expect(ordinary).toEqual(other)
  return ordinary
}

const FORM = 'application/x-www-form-urlencoded'

test.each<[string, Record<string, string | undefined>, number]>([
  ['a session mandate', { resource: undefined, scope: undefined }, 200],
  ['a pause', {}, 401],
  ['a wrong secret', { client_secret: 'wrong' }, 401],
  ['an unknown zone', { zone_id: '0198c8f8-0198-7198-8198-0198c8f80198' }, 400],
  ['no grant type', { grant_type: undefined }, 400],
  ['an unknown resource', { resource: 'https://nowhere.example' }, 400],
  ['a scope that nothing has', { scope: 'fly' }, 400],
  ['a challenge that is none', { challenge_id: '0198c8f8-0198-7198-8198-0198c8f80198', challenge_response: 'x' }, 401],
  ['a NUL', { scope: '\0' }, 400],
  ['a field that is too long', { subject_token: 'x'.repeat(9000), subject_token_type: 'jwt' }, 400],
])('the token endpoint answers %s the same both ways', async (_what, given, status) => {
  const fields = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    client_id: world.application.id,
    client_secret: world.application.secret,
    zone_id: world.zoneId,
    resource: PAYMENTS,
    scope: 'transfer',
    ...given,
  }
  const form = new URLSearchParams(Object.entries(fields).flatMap(([name, value]) => (value ? [[name, value]] : [])))
  const types = [FORM, `${FORM}; charset=utf-8`] as const
  for (const path of ['/oauth/2/token', `/zones/${world.zoneId}/oauth/2/token`]) {
    const answer = await bothWays(path, types, form.toString())
    expect(answer?.status).toBe(path.startsWith('/zones') && given.zone_id !== undefined ? 400 : status)
  }
})

test.each<[string, BodyInit, number]>([
  ['twice the same field', 'grant_type=a&grant_type=b', 400],
  ['a malformed escape', 'grant_type=%zz', 400],
  ['bytes that are no UTF-8', Buffer.from([0x61, 0x3d, 0xff]), 400],
])('the token endpoint answers %s the same both ways', async (_what, body, status) => {
  expect((await bothWays('/oauth/2/token', [FORM, `${FORM}; charset=utf-8`], body))?.status).toBe(status)
})

test.each<[string, BodyInit, number]>([
  ['a demand', JSON.stringify({ subject: user(), permission: 'transfer', resource: PAYMENTS }), 200],
  ['a denial', JSON.stringify({ subject: user(), permission: 'transfer', resource: 'resource://other' }), 200],
  ['no subject', JSON.stringify({ permission: 'transfer' }), 400],
  ['text that is no JSON', '{"subject":', 400],
  ['a __proto__', '{"__proto__": {}}', 400],
  ['U+0000', '{"permission": "\\u0000"}', 400],
  ['nesting without end', `${'['.repeat(5000)}${']'.repeat(5000)}`, 400],
  ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 400],
])('the decision point answers %s the same both ways', async (_what, body, status) => {
  const types = ['application/json', 'application/json; charset=utf-8'] as const
  const path = `/v1/zones/${world.zoneId}/decisions/check`
  expect((await bothWays(path, types, body, { authorization: basicOf(world) }))?.status).toBe(status)
  expect((await bothWays(path, types, body, { authorization: 'Bearer nobody' }))?.status).toBe(
    status === 400 && !String(body).startsWith('{"permission": "transfer"') ? 400 : 401,
  )
})

function user() {
  return { type: 'user', issuer: 'https://idp.test', id: 'olga' }
}
