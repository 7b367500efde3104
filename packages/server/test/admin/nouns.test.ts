import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, newZone, type TestService, testService } from './support/client.js'
import { SAMPLES } from './support/nouns.js'

let service: TestService
let zone: Client
let n = 0

beforeAll(async () => {
  service = await testService()
  zone = await newZone(service)
})
afterAll(() => service.close())

describe.each(SAMPLES)('$path', ({ path, word, create, update: updateOf }) => {
  const update = updateOf(0)
  const make = async () => zone.send('POST', path, await create(zone, ++n))
  const one = (id: unknown) => `${path}/${id}`

  test('what was created is answered whole, and read again the same', async () => {
    const created = await make()
    expect(created.status).toBe(201)
    expect(created.headers.get('etag')).toBe('"1"')
    const { client_secret: _secret, ...view } = created.body
    const read = await zone.send('GET', one(view.id))
    expect(read.body).toEqual(view)
    expect(read.headers.get('etag')).toBe('"1"')
    const listed = await zone.ok('GET', path)
    expect(listed.items).toContainEqual(view)
  })

  test('a change gives a new version, and a version that is not the present one is 412', async () => {
    const { body } = await make()
    const update = updateOf(n)
    const changed = await zone.send('PATCH', one(body.id), update, { headers: { 'if-match': '"1"' } })
    expect(changed.status).toBe(200)
    expect(changed.body).toMatchObject(update)
    expect(changed.headers.get('etag')).toBe('"2"')
    for (const method of ['PATCH', 'DELETE']) {
      const stale = await zone.send(method, one(body.id), method === 'PATCH' ? update : undefined, {
        headers: { 'if-match': '"1"' },
      })
      expect(stale.status).toBe(412)
      expect(stale.body.code).toBe('version_mismatch')
    }
    const any = await zone.send('PATCH', one(body.id), update, { headers: { 'if-match': '*' } })
    expect(any.status).toBe(200)
  })

  test('a change of nothing changes nothing, and is no event', async () => {
    const { body } = await make()
    const before = await zone.ok('GET', '/overview')
    const same = await zone.send('PATCH', one(body.id), {})
    expect(same.status).toBe(200)
    expect(same.headers.get('etag')).toBe('"1"')
    expect(await zone.ok('GET', '/overview')).toEqual(before)
  })

  test('what was deleted is gone at once, and can be created again', async () => {
    const body = await create(zone, ++n)
    const created = await zone.send('POST', path, body)
    expect((await zone.send('DELETE', one(created.body.id))).status).toBe(204)
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      const gone = await zone.send(method, one(created.body.id), method === 'PATCH' ? update : undefined)
      expect(gone.status).toBe(404)
      expect(gone.body.code).toBe('not_found')
    }
    const listed = (await zone.ok('GET', `${path}?limit=500`)).items as { id: string }[]
    expect(listed.map((item) => item.id)).not.toContain(created.body.id)
    expect((await zone.send('POST', path, body)).status).toBe(201)
  })

  test('every act is one event, by whom, with its id', async () => {
    const { body } = await make()
    const { id } = body
    const change = updateOf(n)
    await zone.ok('PATCH', one(id), change)
    expect((await zone.send('DELETE', one(id))).status).toBe(204)
    const { items } = await zone.ok('GET', '/audit/events?order=desc&limit=3')
    const events = (items as { event: Record<string, unknown> }[]).map(({ event }) => event)
    const common = { actor: 'admin:bootstrap', outcome: 'recorded', zone_id: zone.zoneId, [`${word}_id`]: id }
    expect(events).toMatchObject([
      { ...common, type: `${word}.deleted` },
      { ...common, type: `${word}.updated`, fields: Object.keys(change).sort() },
      { ...common, type: `${word}.created` },
    ])
  })

  test('an id that is none, or was never given, is the same 404', async () => {
    const unknown = await zone.send('GET', one('0197a0d0-0000-7000-8000-000000000000'))
    const none = await zone.send('GET', one('nothing'))
    const { requestId: _a, ...first } = unknown.body
    const { requestId: _b, ...second } = none.body
    expect(unknown.status).toBe(404)
    expect(first).toEqual(second)
  })

  test('a member that nobody knows is refused by name', async () => {
    const refused = await zone.send('POST', path, { ...(await create(zone, ++n)), colour: 'red' })
    expect(refused.status).toBe(400)
    expect(refused.body).toMatchObject({ code: 'invalid_body', errors: [{ message: 'unknown member colour' }] })
  })
})

test('names that must be unique are 409', async () => {
  const resource = { identifier: 'resource://unique', scopes: ['a'] }
  await zone.ok('POST', '/resources', resource)
  const again = await zone.send('POST', '/resources', resource)
  expect(again.status).toBe(409)
  expect(again.body).toMatchObject({ code: 'already_exists', detail: 'a resource with this identifier exists already' })
})

test('deleting an application or a resource takes its grants along', async () => {
  const { id: app } = await zone.ok('POST', '/applications', { name: 'a', auth_method: 'client_secret' })
  const { id: resource } = await zone.ok('POST', '/resources', { identifier: 'resource://along', scopes: ['a'] })
  const grant = { application_id: app, resource: 'resource://along', scopes: ['a'] }
  const first = await zone.ok('POST', '/grants', grant)
  expect((await zone.send('DELETE', `/resources/${resource}`)).status).toBe(204)
  expect((await zone.send('GET', `/grants/${first.id}`)).status).toBe(404)
  await zone.ok('POST', '/resources', { identifier: 'resource://along', scopes: ['a'] })
  const second = await zone.ok('POST', '/grants', grant)
  expect((await zone.ok('GET', `/grants?application_id=${app}`)).items).toEqual([second])
  expect((await zone.send('DELETE', `/applications/${app}`)).status).toBe(204)
  expect((await zone.send('GET', `/grants/${second.id}`)).status).toBe(404)
})

test.each([
  [
    '/grants',
    { application_id: '0197a0d0-0000-7000-8000-000000000000', resource: 'resource://x', scopes: ['a'] },
    'unknown_application',
  ],
  [
    '/resources',
    { identifier: 'resource://s', scopes: ['a'], served_by: '0197a0d0-0000-7000-8000-000000000000' },
    'unknown_application',
  ],
  ['/resources', { identifier: 'not a uri', scopes: ['a'] }, 'invalid_identifier'],
  ['/resources', { identifier: 'https://api.example/#part', scopes: ['a'] }, 'invalid_identifier'],
  ['/resources', { identifier: 'http://countersign.test/zones/x', scopes: ['a'] }, 'reserved_identifier'],
  ['/resources', { identifier: 'resource://u', scopes: ['a'], upstream: { url: 'ftp://x' } }, 'invalid_url'],
  ['/subject-issuers', { issuer: 'https://idp.example', audience: 'a' }, 'jwks_required'],
  [
    '/subject-issuers',
    { issuer: 'http://countersign.test/zones/x', audience: 'a', jwks_uri: 'https://a.example' },
    'own_issuer',
  ],
  ['/policy-sets', { name: 's', policy_versions: ['0197a0d0-0000-7000-8000-000000000000'] }, 'unknown_policy_version'],
  ['/policies', { name: 'p' }, 'source_or_data'],
  ['/policies', { name: 'p', data: [1] }, 'invalid_policy'],
])('%s %j is 422 %s', async (path, body, code) => {
  const refused = await zone.send('POST', path, body)
  expect(refused.status).toBe(422)
  expect(refused.body.code).toBe(code)
})

test('an upstream credential is never shown, and does not follow a changed URL', async () => {
  const upstream = { url: 'https://api.example', credential: 'a-very-secret-credential' }
  const created = await zone.ok('POST', '/resources', { identifier: 'resource://up', scopes: ['a'], upstream })
  expect(created.upstream).toEqual({ url: 'https://api.example', credential_set: true })
  const path = `/resources/${created.id}`
  const same = await zone.ok('PATCH', path, { upstream: { url: 'https://api.example', operations: [{ id: 'x' }] } })
  expect(same.upstream).toMatchObject({ credential_set: true })
  const moved = await zone.ok('PATCH', path, { upstream: { url: 'https://elsewhere.example' } })
  expect(moved.upstream).toMatchObject({ credential_set: false })
})
