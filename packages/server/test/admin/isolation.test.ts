import { afterAll, beforeAll, expect, test } from 'vitest'
import { admin, createWorld, type World } from '../support/world.js'
import { type Client, newToken, type TestService, testService } from './support/client.js'
import { SAMPLES } from './support/nouns.js'
import { type Operation, operationsOf, sampleOf } from './support/operations.js'

/** A zone in use: a row of everything, and its credentials. */
interface Tenant {
  readonly world: World
  readonly zoneId: string
  readonly adminToken: string
  /** An id for each path that ends in one. */
  readonly ids: { readonly [collection: string]: string }
  readonly challenge: { readonly id: string; readonly secret: string }
  readonly mandate: string
}

let service: TestService
let operations: readonly Operation[]
let victim: Tenant
let stranger: Tenant

const EVERYTHING = ['read', 'write', 'audit', 'approve', 'prove', 'attest', 'manage_tokens']

beforeAll(async () => {
  service = await testService()
  operations = await operationsOf(service)
  victim = await newTenant(0)
  stranger = await newTenant(1)
})
afterAll(() => service.close())

async function newTenant(n: number): Promise<Tenant> {
  const world = await createWorld(service)
  const { zoneId } = world
  const zone = clientOf(zoneId)
  const ids: { [collection: string]: string } = {}
  for (const { path, create } of SAMPLES) {
    const made = await zone.ok('POST', path, await create(zone, n))
    ids[path] = String(made.id)
    const { version } = made as { version?: { id: string } }
    if (version !== undefined) ids[`${path}/versions`] = version.id
  }
  const token = await zone.ok('POST', '/admin-tokens', { name: 'held', capabilities: ['read'] })
  const mandate = await world.exchange({ resource: undefined, scope: undefined })
  const pause = await world.exchange()
  expect([mandate.status, pause.status]).toEqual([200, 401])
  const first = async (path: string) => ((await zone.ok('GET', path)).items as { id: string }[])[0]?.id ?? ''
  return {
    world,
    zoneId,
    adminToken: await newToken(service, {
      zone_id: zoneId,
      capabilities: EVERYTHING,
      max_aal: 'aal3',
      owner: { kind: 'user', id: 'x' },
    }),
    ids: {
      ...ids,
      '/admin-tokens': String(token.id),
      '/sessions': await first('/sessions'),
      '/step-up-challenges': String(pause.body.challenge_id),
      '/audit/events': await first('/audit/events'),
    },
    challenge: { id: String(pause.body.challenge_id), secret: String(pause.body.challenge_secret) },
    mandate: String(mandate.body.access_token),
  }
}

function clientOf(zoneId: string): Client {
  const send: Client['send'] = (method, path, body, options) =>
    admin(service, method, `/v1/zones/${zoneId}${path}`, body, options)
  return { service, zoneId, send, ok: async (...request) => (await send(...request)).body }
}

/** The path with the ids of `tenant`'s rows, in a zone. */
function fill(operation: Operation, zoneId: string, tenant: Tenant): string {
  const [, noun = ''] = /^(?:\/v1\/zones\/\{zone_id\})?(?:\/v1)?(\/.*?)\/\{id\}/.exec(operation.path) ?? []
  const id = operation.path.includes('/oauth/2/challenges/') ? tenant.challenge.id : tenant.ids[noun]
  if (operation.params.includes('id') && id === undefined) throw new Error(`no ${noun} was made for ${operation.path}`)
  return operation.path
    .replace('{zone_id}', zoneId)
    .replace('{id}', id ?? '')
    .replace('{version_id}', tenant.ids[`${noun}/versions`] ?? '')
}

const isAdministration = ({ path }: Operation) => path.startsWith('/v1/') && !path.includes('/decisions/')
const name = ({ method, path }: Operation) => `${method} ${path}`

// Public metadata says the same to everybody.
const PUBLIC = /\/\.well-known\//

test('every route of the administration, with another zone’s ids, is 404 for a zone’s own most powerful token', async () => {
  // These name no zone and no id: what they show and make is the token's own (held by other tests too).
  const own = ['POST /v1/zones', 'GET /v1/zones', 'GET /v1/admin-tokens', 'POST /v1/admin-tokens']
  const wrong: unknown[] = []
  let tried = 0
  const attempt = async (operation: Operation, path: string) => {
    const body = operation.body && sampleOf(operation.body, victim.ids['/applications'] ?? '')
    const { status, body: answer } = await admin(service, operation.method, path, body, { token: stranger.adminToken })
    tried++
    if (status !== 404 || answer.code !== 'not_found') wrong.push([operation.method, path, status, answer])
  }
  for (const operation of operations.filter(isAdministration)) {
    if (own.includes(name(operation))) continue
    await attempt(operation, fill(operation, victim.zoneId, victim))
    // Its own zone with the other's id: the id must not be found by itself.
    if (operation.params.includes('zone_id') && operation.params.includes('id')) {
      await attempt(operation, fill(operation, stranger.zoneId, victim))
    }
    // Its own row with the other's version.
    if (operation.params.includes('version_id')) {
      await attempt(
        operation,
        fill(operation, stranger.zoneId, { ...victim, ids: { ...victim.ids, ...onlyRows(stranger.ids) } }),
      )
    }
  }
  expect(wrong).toEqual([])
  expect(tried).toBeGreaterThan(60)
})

function onlyRows(ids: Tenant['ids']): Tenant['ids'] {
  return Object.fromEntries(Object.entries(ids).filter(([path]) => !path.endsWith('/versions')))
}

test('the routes that name no zone show and touch nothing of another', async () => {
  for (const path of ['/v1/zones', '/v1/admin-tokens']) {
    const { status, body } = await admin(service, 'GET', path, undefined, { token: stranger.adminToken })
    expect(status).toBe(200)
    expect(JSON.stringify(body)).not.toContain(victim.zoneId)
  }
  const named = { name: 't', capabilities: ['read'], zone_id: victim.zoneId }
  const made = await admin(service, 'POST', '/v1/admin-tokens', named, { token: stranger.adminToken })
  expect(made.status).toBe(404)
})

test('every other route is 401 or 404 for another zone’s application, mandate and challenge secret', async () => {
  const { application } = stranger.world
  const basic = `Basic ${Buffer.from(`${application.id}:${application.secret}`).toString('base64')}`
  const bearers = [stranger.mandate, stranger.challenge.secret, stranger.adminToken].map((token) => `Bearer ${token}`)
  const wrong: unknown[] = []
  let tried = 0
  for (const operation of operations.filter((one) => !isAdministration(one) && !PUBLIC.test(one.path))) {
    const isForm = operation.path.includes('/oauth/2/')
    // Without a zone in the path a form names one, and a decision is about the credential's own zone.
    if (!operation.params.includes('zone_id') && !isForm) continue
    // Forms take no bearer; the endpoint says so, whoever asks.
    for (const authorization of isForm && operation.method === 'POST' ? [basic] : [basic, ...bearers]) {
      const response = await fetch(`${service.url}${fill(operation, victim.zoneId, victim)}`, {
        method: operation.method,
        headers: { authorization, ...(!isForm && { 'content-type': 'application/json' }) },
        ...(operation.method === 'POST' && {
          body: isForm ? form(operation) : JSON.stringify(question(operation.path)),
        }),
      })
      tried++
      const text = await response.text()
      if (![401, 404].includes(response.status))
        wrong.push([name(operation), authorization.slice(0, 10), response.status, text])
    }
  }
  expect(wrong).toEqual([])
  expect(tried).toBeGreaterThan(20)

  function form(operation: Operation): URLSearchParams {
    const fields = new URLSearchParams({
      ...(operation.path.endsWith('/token')
        ? {
            grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
            resource: 'resource://payments',
            scope: 'transfer',
          }
        : { token: victim.mandate }),
      zone_id: victim.zoneId,
    })
    return fields
  }
})

/** What a decision caller may ask, in each form of question. */
function question(path: string): object {
  const one = {
    subject: { type: 'User', id: 'a' },
    permission: 'read',
    resource: { type: 'resource', id: 'resource://payments' },
    action: { name: 'read' },
  }
  if (path.endsWith('/check-batch')) return { checks: [one] }
  return path.endsWith('/evaluations') ? { evaluations: [one] } : one
}

test('the other’s wait endpoint knows neither the challenge nor the secret of a third', async () => {
  for (const [zoneId, secret] of [
    [stranger.zoneId, victim.challenge.secret],
    [victim.zoneId, stranger.challenge.secret],
  ]) {
    const response = await fetch(`${service.url}/zones/${zoneId}/oauth/2/challenges/${victim.challenge.id}`, {
      headers: { authorization: `Bearer ${secret}` },
    })
    expect(response.status).toBe(404)
  }
})

test('what a tenant did is nowhere in the other’s zone', async () => {
  const paths = [
    ...SAMPLES.map(({ path }) => path),
    '/sessions',
    '/step-up-challenges',
    '/admin-tokens',
    '/audit/events',
    '/overview',
    '',
  ]
  const own = clientOf(stranger.zoneId)
  for (const path of paths) {
    const text = JSON.stringify((await own.send('GET', path, undefined, { token: stranger.adminToken })).body)
    for (const id of [victim.zoneId, ...Object.values(victim.ids)]) expect(text).not.toContain(id)
  }
})
