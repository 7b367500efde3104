import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import fc from 'fast-check'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApp } from '../../src/http/app.js'
import { createMetrics } from '../../src/http/metrics.js'
import { openDatabase } from '../../src/store/database.js'
import { databaseReadiness } from '../../src/store/readiness.js'
import { type Client, newZone, type TestService, testService } from './support/client.js'

let service: TestService
let zone: Client

beforeAll(async () => {
  service = await testService()
  zone = await newZone(service)
})
afterAll(() => service.close())

async function post(path: string, body: BodyInit, headers: Record<string, string> = {}) {
  const response = await fetch(`${service.url}${path}`, {
    method: 'POST',
    body,
    headers: { authorization: `Bearer ${service.adminToken}`, 'content-type': 'application/json', ...headers },
  })
  return { response, body: (await response.json()) as Record<string, unknown> }
}

test.each([
  ['text that is no JSON', '{"slug":', {}, 400, 'invalid_json'],
  ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22]), {}, 400, 'invalid_json'],
  ['a __proto__', '{"__proto__": {}}', {}, 400, 'invalid_json'],
  ['U+0000', '{"slug": "a", "name": "a\\u0000"}', {}, 400, 'invalid_characters'],
  ['half of a surrogate pair', '{"slug": "a", "name": "\\ud800"}', {}, 400, 'invalid_characters'],
  ['a member named by half of a pair', '{"\\udc00": 1}', {}, 400, 'invalid_characters'],
  ['a number beyond a double', '{"slug": 1e999}', {}, 400, 'invalid_number'],
  ['nesting without end', '['.repeat(100_000) + ']'.repeat(100_000), {}, 400, 'too_deep'],
  ['a body that is too large', JSON.stringify({ name: 'x'.repeat(2 ** 21) }), {}, 413, 'body_too_large'],
  [
    'another media type',
    'slug=a',
    { 'content-type': 'application/x-www-form-urlencoded' },
    415,
    'unsupported_media_type',
  ],
  ['null', 'null', {}, 400, 'invalid_body'],
  ['no members', '{}', {}, 400, 'invalid_body'],
  ['a wrong type', '{"slug": 1, "name": "a"}', {}, 400, 'invalid_body'],
])('%s is refused with a stable code', async (_what, sent, headers, status, code) => {
  const { response, body } = await post('/v1/zones', sent, headers)
  expect(response.status).toBe(status)
  expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(body).toMatchObject({
    type: 'about:blank',
    title: expect.any(String),
    status,
    code,
    detail: expect.any(String),
  })
  expect(body.requestId).toBe(response.headers.get('x-request-id'))
})

test.each([
  ['GET', '/nowhere', 404, 'route_not_found'],
  ['PUT', '/v1/zones', 404, 'route_not_found'],
  ['GET', '/v1/zones/%zz', 400, 'invalid_url'],
  ['GET', '/v1/zones?limit=0', 400, 'invalid_query'],
  ['GET', '/v1/zones?limit=501', 400, 'invalid_query'],
  ['GET', '/v1/zones?limit=many', 400, 'invalid_query'],
  ['GET', '/v1/zones?limit=true', 400, 'invalid_query'],
  ['GET', '/v1/zones?limit=1.5', 400, 'invalid_query'],
  ['GET', '/v1/zones?limit=0x10', 400, 'invalid_query'],
  ['GET', '/v1/zones?limit=%201', 400, 'invalid_query'],
  ['GET', '/v1/zones?limit=', 400, 'invalid_query'],
  ['GET', '/v1/zones?limit=1&limit=2', 400, 'invalid_query'],
  ['GET', '/v1/zones?colour=red', 400, 'invalid_query'],
  ['GET', '/v1/zones?cursor=%00', 400, 'invalid_characters'],
  ['GET', '/v1/zones?cursor=abc', 400, 'invalid_cursor'],
])('%s %s is %i %s', async (method, path, status, code) => {
  const response = await fetch(`${service.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${service.adminToken}` },
  })
  expect(response.status).toBe(status)
  expect(await response.json()).toMatchObject({ status, code })
  expect(response.headers.get('x-request-id')).not.toBeNull()
})

test('a valid X-Request-Id is kept, any other is replaced', async () => {
  const send = async (id: string) =>
    (await fetch(`${service.url}/healthz`, { headers: { 'x-request-id': id } })).headers.get('x-request-id')
  expect(await send('trace-1:2.3_4')).toBe('trace-1:2.3_4')
  for (const bad of ['has space', 'x'.repeat(129), '"quoted"']) expect(await send(bad)).toMatch(/^[\da-f-]{36}$/)
})

test('nothing of a refused request is in the answer, wherever it stood', async () => {
  const secret = `sk${randomBytes(24).toString('base64url')}`
  const sent = [
    { slug: secret, name: 1 },
    { slug: 'a', name: 'b', [secret]: 1 },
    { slug: 'a', name: { [secret]: 1 } },
    { slug: [secret], name: secret },
  ]
  for (const body of sent) {
    const { response, body: answer } = await post('/v1/zones', JSON.stringify(body))
    expect(response.status).toBe(400)
    expect(JSON.stringify(answer)).not.toContain(secret)
  }
  const { response, body } = await post('/v1/zones', secret)
  expect(response.status).toBe(400)
  expect(JSON.stringify(body)).not.toContain(secret)
})

test('without a token, or with one nobody has, every administration is 401', async () => {
  for (const authorization of [undefined, 'Bearer nobody', 'Basic abc', 'Bearer', 'Bearer a b']) {
    const response = await fetch(`${service.url}/v1/zones`, { ...(authorization && { headers: { authorization } }) })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="countersign"')
    expect(await response.json()).toMatchObject({ code: 'invalid_token' })
  }
})

test('alive, and ready', async () => {
  expect(await (await fetch(`${service.url}/healthz`)).json()).toEqual({ status: 'alive' })
  expect(await (await fetch(`${service.url}/readyz`)).json()).toEqual({ status: 'ready' })
})

test('without a database that takes writes it is alive and not ready, and says what is missing', async () => {
  const { db } = openDatabase({ ...service.database.connection }, 1)
  const app = await createApp({
    log: pino({ enabled: false }),
    metrics: createMetrics(),
    readiness: [...databaseReadiness(db), { name: 'never', check: () => new Promise(() => {}) }],
  })
  try {
    await sql`SET default_transaction_read_only = on`.execute(db)
    const ready = await app.inject('/readyz')
    expect(ready.statusCode).toBe(503)
    expect(ready.json()).toEqual({ status: 'not_ready', missing: ['database_writable', 'never'] })
    await db.destroy()
    expect((await app.inject('/readyz')).json().missing).toEqual(['database', 'database_writable', 'never'])
    expect((await app.inject('/healthz')).statusCode).toBe(200)
  } finally {
    await app.close()
  }
})

test('metrics name routes, never paths', async () => {
  await zone.ok('GET', '/overview')
  const text = await (await fetch(`${service.url}/metrics`)).text()
  expect(text).toContain('route="/v1/zones/:zone_id/overview"')
  expect(text).toContain('countersign_process_cpu_user_seconds_total')
  expect(text).not.toContain(zone.zoneId)
})

test('answers carry security headers', async () => {
  const { headers } = await fetch(`${service.url}/healthz`)
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('content-security-policy')).toBe("default-src 'none';frame-ancestors 'none'")
})

test('a request that is not HTTP is answered and harms nobody', async () => {
  const { hostname, port } = new URL(service.url)
  const socket = connect(Number(port), hostname)
  socket.end('NOT HTTP\r\n\r\n')
  let answer = ''
  for await (const chunk of socket) answer += chunk
  expect(answer).toMatch(/^HTTP\/1.1 400/)
  expect((await fetch(`${service.url}/healthz`)).status).toBe(200)
})

test('pages of any size give each row once and in one order', async () => {
  const names = Array.from({ length: 23 }, (_, n) => `resource://p${n}`)
  await Promise.all(names.map((identifier) => zone.ok('POST', '/resources', { identifier, scopes: ['a'] })))
  const whole = (await zone.ok('GET', '/resources?limit=500')).items as { id: string }[]
  expect(whole).toHaveLength(23)
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 30 }), async (limit) => {
      const seen: unknown[] = []
      let cursor: unknown
      do {
        const page = await zone.ok('GET', `/resources?limit=${limit}${cursor ? `&cursor=${cursor}` : ''}`)
        seen.push(...(page.items as unknown[]))
        cursor = page.next_cursor
      } while (cursor !== null)
      expect(seen).toEqual(whole)
    }),
    { numRuns: 12 },
  )
})
