import { randomUUID } from 'node:crypto'
import { TOKEN_EXCHANGE } from '@countersign/protocol'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { admin, postForm } from '../support/world.js'
import { type Client, newToken, newZone, type TestService, testService } from './support/client.js'

let service: TestService
let beside: TestService
let zone: Client
let database: pg.Client

beforeAll(async () => {
  service = await testService()
  beside = await testService({ beside: service })
  zone = await newZone(service)
  database = new pg.Client({ connectionString: service.database.url, options: '-c search_path=countersign' })
  await database.connect()
})
afterAll(async () => {
  await database.end()
  await beside.close()
  await service.close()
})

const key = () => ({ headers: { 'idempotency-key': randomUUID() } })
const application = { name: 'agent', auth_method: 'client_secret' }

test('the same request under the same key is done once, and answered the same: secret, status, ETag', async () => {
  const once = key()
  const first = await zone.send('POST', '/applications', application, once)
  const second = await zone.send('POST', '/applications', application, once)
  expect(first.status).toBe(201)
  expect(first.body.client_secret).toMatch(/^cscs_[\w-]{43}$/)
  expect(second.status).toBe(201)
  expect(second.body).toEqual(first.body)
  expect(second.headers.get('etag')).toBe(first.headers.get('etag'))
  expect((await zone.ok('GET', '/applications')).items).toHaveLength(1)
})

test('the order of members does not make it another request, their values do', async () => {
  const once = key()
  const first = await zone.ok('POST', '/applications', { name: 'a', auth_method: 'client_secret' }, once)
  expect(await zone.ok('POST', '/applications', { auth_method: 'client_secret', name: 'a' }, once)).toEqual(first)
  for (const [path, body] of [
    ['/applications', { name: 'b', auth_method: 'client_secret' }],
    ['/resources', { identifier: 'resource://x', scopes: ['a'] }],
  ] as const) {
    const other = await zone.send('POST', path, body, once)
    expect(other.status).toBe(422)
    expect(other.body.code).toBe('idempotency_mismatch')
  }
})

test('duplicates at the same moment, on two nodes, are done once', async () => {
  const once = key()
  const before = ((await zone.ok('GET', '/applications?limit=500')).items as unknown[]).length
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      admin(n % 2 === 0 ? service : beside, 'POST', `/v1/zones/${zone.zoneId}/applications`, application, once),
    ),
  )
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]))
  expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1)
  expect((await zone.ok('GET', '/applications?limit=500')).items).toHaveLength(before + 1)
})

test('the same for what belongs to no zone: a zone, a token of the whole service', async () => {
  const once = key()
  const body = { slug: `once-${Date.now()}`, name: 'Once' }
  const zones = await Promise.all(Array.from({ length: 8 }, () => admin(service, 'POST', '/v1/zones', body, once)))
  expect(new Set(zones.map((answer) => JSON.stringify([answer.status, answer.body]))).size).toBe(1)
  expect(zones[0]?.status).toBe(201)
  const again = key()
  const token = { name: 't', capabilities: ['read'] }
  const tokens = await Promise.all(
    Array.from({ length: 8 }, () => admin(service, 'POST', '/v1/admin-tokens', token, again)),
  )
  expect(new Set(tokens.map((answer) => JSON.stringify([answer.status, answer.body]))).size).toBe(1)
  expect(tokens[0]?.status).toBe(201)
})

test('one key at the same moment for two zones: one is done, the other refused', async () => {
  const other = await newZone(service)
  const once = key()
  const answers = await Promise.all([zone, other].map((one) => one.send('POST', '/applications', application, once)))
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 422])
})

test('a refusal is not kept: the key is free for the corrected request', async () => {
  const once = key()
  const grant = { resource: 'resource://later', scopes: ['a'] }
  const { id } = await zone.ok('POST', '/applications', application)
  expect((await zone.send('POST', '/grants', { ...grant, application_id: id }, once)).status).toBe(422)
  await zone.ok('POST', '/resources', { identifier: 'resource://later', scopes: ['a'] })
  expect((await zone.send('POST', '/grants', { ...grant, application_id: id }, once)).status).toBe(201)
})

test('a deletion is answered the same again, also that of a whole zone', async () => {
  const other = await newZone(service)
  const { id } = await other.ok('POST', '/applications', application)
  const once = key()
  for (let n = 0; n < 2; n++)
    expect((await other.send('DELETE', `/applications/${id}`, undefined, once)).status).toBe(204)
  expect((await other.send('DELETE', `/applications/${id}`)).status).toBe(404)
  const last = key()
  for (let n = 0; n < 2; n++) expect((await other.send('DELETE', '', undefined, last)).status).toBe(204)
  expect((await other.send('DELETE', '')).status).toBe(404)
})

test('a key is its holder’s: another token under the same key does its own request', async () => {
  const once = key()
  const token = await newToken(service, { zone_id: zone.zoneId, capabilities: ['write'] })
  const mine = await zone.ok('POST', '/applications', application, once)
  const theirs = await zone.ok('POST', '/applications', application, { ...once, token })
  expect(theirs.id).not.toBe(mine.id)
})

test('what is kept is sealed: no secret can be read in the database', async () => {
  const created = await zone.ok('POST', '/applications', application, key())
  const { rows } = await database.query('SELECT answer_sealed FROM admin_answers')
  const secret = Buffer.from(String(created.client_secret))
  expect(rows.length).toBeGreaterThan(0)
  for (const { answer_sealed } of rows) {
    expect(answer_sealed.includes(secret)).toBe(false)
    expect(answer_sealed.includes(Buffer.from('client_secret'))).toBe(false)
  }
})

test('after a day a key is new again', async () => {
  const once = key()
  const first = await zone.ok('POST', '/applications', application, once)
  await database.query("UPDATE admin_answers SET created_at = created_at - interval '24 hours 1 second'")
  const second = await zone.ok('POST', '/applications', application, once)
  expect(second.id).not.toBe(first.id)
})

test.each(['short', 'x'.repeat(129), 'no tab\tin the middle', 'not in latin-1 \u00e9 either'])(
  'the key %s is refused',
  async (bad) => {
    const refused = await zone.send('POST', '/applications', application, { headers: { 'idempotency-key': bad } })
    expect(refused.status).toBe(400)
    expect(refused.body.code).toBe('invalid_idempotency_key')
    expect((await exchangeUnder(bad)).body.error).toBe('invalid_request')
  },
)

test.each(['x'.repeat(16), 'x'.repeat(128), 'has spaces in the middle'])('the key %s is taken', async (good) => {
  const under = { headers: { 'idempotency-key': good } }
  const created = await zone.ok('POST', '/applications', application, under)
  expect(await zone.ok('POST', '/applications', application, under)).toEqual(created)
  expect((await exchangeUnder(good)).body.error).toBe('invalid_client')
})

/** Asks for a mandate without saying who asks, under a key: the key is read first. */
function exchangeUnder(key: string) {
  const form = { grant_type: TOKEN_EXCHANGE, zone_id: zone.zoneId }
  return postForm(`${service.url}/oauth/2/token`, form, { 'idempotency-key': key })
}
