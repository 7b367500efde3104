import { createHash, generateKeyPairSync } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWorld, postForm } from '../support/world.js'
import { type Client, newToken, newZone, type TestService, testService } from './support/client.js'
import { publicJwks } from './support/nouns.js'

let service: TestService
let zone: Client
let database: pg.Client

const ANN = { kind: 'user', issuer: 'https://idp.example', id: 'ann' }
const BOB = { kind: 'user', issuer: 'https://idp.example', id: 'bob' }
const CAT = { kind: 'user', issuer: 'https://idp.example', id: 'cat' }

beforeAll(async () => {
  service = await testService()
  zone = await newZone(service)
  database = new pg.Client({ connectionString: service.database.url, options: '-c search_path=countersign' })
  await database.connect()
})
afterAll(async () => {
  await database.end()
  await service.close()
})

const secretApp = { name: 'agent', auth_method: 'client_secret' }

/** Everyone who may hold what an application authenticates with. */
async function holders(id: unknown): Promise<unknown[]> {
  const { rows } = await database.query(
    'SELECT shown_to FROM application_secrets WHERE application_id = $1 ORDER BY id',
    [id],
  )
  return rows.map((row) => row.shown_to)
}

test('a public client is refused until there is a proof to bind its mandates to', async () => {
  const refused = await zone.send('POST', '/applications', { name: 'spa', auth_method: 'none' })
  expect([refused.status, refused.body.code]).toEqual([422, 'unsupported_auth_method'])
})

test('a client secret is shown once and stored as its SHA-256', async () => {
  const { id, client_secret: secret } = await zone.ok('POST', '/applications', secretApp)
  const { rows } = await database.query('SELECT hash FROM application_secrets WHERE application_id = $1', [id])
  expect(rows).toEqual([{ hash: createHash('sha256').update(String(secret)).digest() }])
  expect(JSON.stringify(await zone.ok('GET', `/applications/${id}`))).not.toContain(String(secret))
  const events = await zone.ok('GET', '/audit/events?order=desc&limit=5')
  expect(JSON.stringify(events)).not.toContain(String(secret))
})

test('the owner is who created it, unless another is named', async () => {
  const token = await newToken(service, { zone_id: zone.zoneId, capabilities: ['write'], owner: ANN })
  expect((await zone.ok('POST', '/applications', secretApp, { token })).owner).toEqual(ANN)
  expect((await zone.ok('POST', '/applications', { ...secretApp, owner: BOB }, { token })).owner).toEqual(BOB)
})

test('whoever may hold what an application authenticates with is remembered, whoever owns it later', async () => {
  const token = (owner: object) => newToken(service, { zone_id: zone.zoneId, capabilities: ['write'], owner })
  const [ann, bob] = [await token(ANN), await token(BOB)]
  const { id } = await zone.ok('POST', '/applications', { ...secretApp, owner: CAT }, { token: ann })
  await zone.ok('POST', `/applications/${id}/rotate-secret`, {}, { token: bob })
  expect(await holders(id)).toEqual([ANN, BOB])
  await zone.ok('PATCH', `/applications/${id}`, { owner: BOB })
  expect(await holders(id)).toEqual([ANN, BOB, CAT])

  const keyed = { name: 'keyed', auth_method: 'private_key_jwt', jwks: publicJwks() }
  const { id: other } = await zone.ok('POST', '/applications', keyed, { token: ann })
  await zone.ok('PATCH', `/applications/${other}`, { jwks: publicJwks() }, { token: bob })
  expect(await holders(other)).toEqual([ANN, BOB])
  const { rows } = await database.query(
    'SELECT 1 FROM application_secrets WHERE application_id = $1 AND expires_at IS NULL',
    [other],
  )
  expect(rows).toEqual([])
})

test('a rotated secret counts at once, the one before it until the overlap ends', async () => {
  const world = await createWorld(service)
  const own = { ...zone, zoneId: world.zoneId }
  const path = `/v1/zones/${own.zoneId}/applications/${world.application.id}/rotate-secret`
  const status = async (secret: string) => {
    const form = { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', zone_id: world.zoneId }
    const client = { client_id: world.application.id, client_secret: secret }
    return (await postForm(`${service.url}/oauth/2/token`, { ...form, ...client })).status
  }
  const rotate = async (overlap_seconds: number) => {
    const response = await fetch(`${service.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${service.adminToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ overlap_seconds }),
    })
    expect(response.status).toBe(200)
    return ((await response.json()) as { client_secret: string }).client_secret
  }
  const first = world.application.secret
  const second = await rotate(3600)
  expect([await status(first), await status(second)]).toEqual([200, 200])
  const third = await rotate(0)
  expect([await status(first), await status(second), await status(third)]).toEqual([401, 401, 200])
})

test('the ledger says until when the secrets before a rotated one count, in the words of the answer', async () => {
  const { id } = await zone.ok('POST', '/applications', { name: 'rotated', auth_method: 'client_secret' })
  const before = Date.now()
  const answer = await zone.ok('POST', `/applications/${id}/rotate-secret`, {})
  const ends = Date.parse(String(answer.previous_expires_at))
  expect(Math.abs(ends - before - 24 * 60 * 60 * 1000)).toBeLessThan(60_000)
  const events = await zone.ok('GET', '/audit/events?order=desc&limit=1')
  const { previous_expires_at } = answer
  expect(events.items).toMatchObject([
    { event: { type: 'application.secret_rotated', application_id: id, previous_expires_at } },
  ])
})

test('private_key_jwt needs public keys that can be used, and no private part', async () => {
  const refused = async (body: object) => {
    const { status, body: answer } = await zone.send('POST', '/applications', { name: 'a', ...body })
    expect(status).toBe(422)
    return answer.code
  }
  const keyed = { auth_method: 'private_key_jwt' }
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })
  expect(await refused(keyed)).toBe('jwks_required')
  expect(await refused({ ...keyed, jwks: { keys: [privateKey.export({ format: 'jwk' })] } })).toBe('private_key_sent')
  expect(await refused({ ...keyed, jwks: { keys: [{ kty: 'oct', k: 'c2VjcmV0' }] } })).toBe('private_key_sent')
  expect(await refused({ ...keyed, jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: 'a', y: 'b' }] } })).toBe(
    'invalid_jwks',
  )
  expect(await refused({ ...keyed, jwks: { keys: [weak] } })).toBe('invalid_jwks')
  expect(await refused({ ...secretApp, jwks: publicJwks() })).toBe('jwks_not_used')
  const { id } = await zone.ok('POST', '/applications', { name: 'a', ...keyed, jwks: publicJwks() })
  const rotated = await zone.send('POST', `/applications/${id}/rotate-secret`, {})
  expect([rotated.status, rotated.body.code]).toEqual([422, 'no_client_secret'])
})

test.each([
  'https://app.example/',
  'https://app.example/path',
  'app.example',
  '*',
  'null',
  'javascript:1',
  'HTTPS://APP.EXAMPLE',
])('the origin %s is refused: browsers never send it so', async (origin) => {
  const refused = await zone.send('POST', '/applications', { ...secretApp, origins: [origin] })
  expect([refused.status, refused.body.code]).toEqual([422, 'invalid_origin'])
})
