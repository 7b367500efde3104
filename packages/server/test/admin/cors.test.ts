import { afterAll, beforeAll, expect, test } from 'vitest'
import { admin, createWorld, type World } from '../support/world.js'
import { type TestService, testService } from './support/client.js'
import { operationsOf } from './support/operations.js'

let service: TestService
let world: World
let other: World

const OURS = 'https://app.example'
const SIBLING = 'https://sibling.example'
const FOREIGN = 'https://other.example'

beforeAll(async () => {
  service = await testService()
  world = await createWorld(service)
  other = await createWorld(service)
  const apps = `/v1/zones/${world.zoneId}/applications`
  await admin(service, 'PATCH', `${apps}/${world.application.id}`, { origins: [OURS] })
  await admin(service, 'POST', apps, { name: 'sibling', auth_method: 'client_secret', origins: [SIBLING] })
  await admin(service, 'PATCH', `/v1/zones/${other.zoneId}/applications/${other.application.id}`, {
    origins: [FOREIGN],
  })
})
afterAll(() => service.close())

async function preflight(path: string, origin: string, method = 'POST') {
  const { status, headers } = await fetch(`${service.url}${path}`, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': 'content-type' },
  })
  return { status, allowed: headers.get('access-control-allow-origin'), headers }
}

test('a preflight of a registered origin is answered for its zone, of any other not', async () => {
  const path = `/zones/${world.zoneId}/oauth/2/token`
  const ours = await preflight(path, OURS)
  expect([ours.status, ours.allowed]).toEqual([204, OURS])
  expect(ours.headers.get('access-control-allow-methods')).toBe('POST')
  expect(ours.headers.get('access-control-allow-headers')).toContain('Authorization')
  expect(ours.headers.get('access-control-allow-credentials')).toBeNull()
  expect(ours.headers.get('vary')).toContain('Origin')
  for (const origin of [FOREIGN, 'https://nobody.example', 'null', '*', `${OURS}.evil.example`]) {
    const refused = await preflight(path, origin)
    expect([refused.status, refused.allowed]).toEqual([204, null])
  }
  expect((await preflight('/oauth/2/token', FOREIGN)).allowed).toBe(FOREIGN)
})

test('the answer itself is for the origins of the application that asks, and of no other', async () => {
  const ask = (origin: string) => world.exchange({ resource: undefined, scope: undefined }, { headers: { origin } })
  const ours = await ask(OURS)
  expect([ours.status, ours.headers.get('access-control-allow-origin')]).toEqual([200, OURS])
  expect(ours.headers.get('access-control-expose-headers')).toContain('WWW-Authenticate')
  for (const origin of [SIBLING, FOREIGN]) {
    expect((await ask(origin)).headers.get('access-control-allow-origin')).toBeNull()
  }
})

test('the token, wait and decision endpoints answer browsers, the administration never does', async () => {
  const wants = (path: string) => /\/oauth\/2\/(?:token|challenges\/\{id\})$|\/decisions\/|\/access\/v1\//.test(path)
  let open = 0
  for (const { method, path } of await operationsOf(service)) {
    if (path.includes('/.well-known/')) continue
    const id = '0197a0d0-0000-7000-8000-000000000000'
    const filled = path.replace('{zone_id}', world.zoneId).replace(/\{\w+\}/g, id)
    const { allowed, headers } = await preflight(filled, OURS, method)
    if (wants(path)) {
      open++
      expect(allowed, `${method} ${path}`).toBe(OURS)
      expect(headers.get('access-control-allow-methods')?.split(', ')).toContain(method)
    } else expect(allowed, `${method} ${path}`).toBeNull()
  }
  expect(open).toBeGreaterThan(6)
})

test('an origin counts no longer when its application is changed or deleted', async () => {
  const own = await createWorld(service)
  const path = `/v1/zones/${own.zoneId}/applications/${own.application.id}`
  const origin = 'https://brief.example'
  await admin(service, 'PATCH', path, { origins: [origin] })
  expect((await preflight(`/zones/${own.zoneId}/oauth/2/token`, origin)).allowed).toBe(origin)
  await admin(service, 'DELETE', path)
  expect((await preflight(`/zones/${own.zoneId}/oauth/2/token`, origin)).allowed).toBeNull()
})

test('a zone that is no id is no error', async () => {
  expect((await preflight('/zones/nothing/oauth/2/token', OURS)).allowed).toBeNull()
})
