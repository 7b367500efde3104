import { afterAll, beforeAll, expect, test } from 'vitest'
import { admin, createWorld } from '../support/world.js'
import { newToken, newZone, type TestService, testService } from './support/client.js'

let service: TestService

beforeAll(async () => {
  service = await testService()
})
afterAll(() => service.close())

test('a zone is born with an issuer, a signing key and nothing allowed', async () => {
  const { status, body, headers } = await admin(service, 'POST', '/v1/zones', { slug: 'born', name: 'Born' })
  expect(status).toBe(201)
  expect(body).toMatchObject({
    id: expect.any(String),
    slug: 'born',
    name: 'Born',
    issuer: `http://countersign.test/zones/${body.id}`,
    policy_version: 0,
  })
  expect(headers.get('etag')).toBe('"1"')
  const jwks = await (await fetch(`${service.url}/zones/${body.id}/.well-known/jwks.json`)).json()
  expect(jwks).toMatchObject({ keys: [{ kty: 'EC' }] })
  expect((await admin(service, 'GET', `/v1/zones/${body.id}`)).body).toEqual(body)
  const listed = (await admin(service, 'GET', '/v1/zones?limit=500')).body.items
  expect(listed).toContainEqual(body)
})

test('a slug is one zone’s, until that zone is deleted', async () => {
  const zone = { slug: 'one-of-a-kind', name: 'One' }
  const first = await admin(service, 'POST', '/v1/zones', zone)
  const second = await admin(service, 'POST', '/v1/zones', zone)
  expect([second.status, second.body.code]).toEqual([409, 'already_exists'])
  expect((await admin(service, 'DELETE', `/v1/zones/${first.body.id}`)).status).toBe(204)
  expect((await admin(service, 'POST', '/v1/zones', zone)).status).toBe(201)
})

test.each(['', 'Upper', 'under_score', '-first', 'x'.repeat(64)])('the slug %j is refused', async (slug) => {
  const refused = await admin(service, 'POST', '/v1/zones', { slug, name: 'a' })
  expect([refused.status, refused.body.code]).toEqual([400, 'invalid_body'])
})

test('a change is versioned', async () => {
  const zone = await newZone(service)
  const changed = await zone.send('PATCH', '', { name: 'Renamed' }, { headers: { 'if-match': '"1"' } })
  expect(changed.body).toMatchObject({ name: 'Renamed' })
  const stale = await zone.send('PATCH', '', { name: 'Again' }, { headers: { 'if-match': '"1"' } })
  expect([stale.status, stale.body.code]).toEqual([412, 'version_mismatch'])
})

test('a deleted zone is gone at once: for the administration, its tokens, its applications, its keys', async () => {
  const world = await createWorld(service)
  const token = await newToken(service, { zone_id: world.zoneId, capabilities: ['read'] })
  const open = { resource: undefined, scope: undefined }
  expect((await world.exchange(open)).status).toBe(200)
  expect((await admin(service, 'DELETE', `/v1/zones/${world.zoneId}`)).status).toBe(204)
  const gone = await world.exchange(open)
  const never = await world.exchange({ ...open, zone_id: '0197a0d0-0000-7000-8000-000000000000' })
  const said = ({ status, body }: typeof gone) => ({ status, ...body, requestId: null })
  expect(gone.status).toBeGreaterThanOrEqual(400)
  expect(said(gone)).toEqual(said(never))
  expect((await admin(service, 'GET', `/v1/zones/${world.zoneId}`)).status).toBe(404)
  expect((await admin(service, 'POST', `/v1/zones/${world.zoneId}/applications`, {})).status).toBe(404)
  expect((await admin(service, 'GET', '/v1/zones', undefined, { token })).status).toBe(401)
  expect((await fetch(`${service.url}/zones/${world.zoneId}/.well-known/jwks.json`)).status).toBe(404)
})
