import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SAMPLES } from '../admin/support/nouns.js'
import { type Operation, operationsOf, type Schema } from '../admin/support/operations.js'
import { paused } from '../promises/support.js'
import { type TestService, testService } from '../support/service.js'
import { admin, adminOk, createWorld, type World } from '../support/world.js'
import { headerText, json, text } from './arbitrary.js'
import { broken, MARK, type Shot } from './shot.js'

const AT_ONCE = 15
const RUNS = 2

let service: TestService
let world: World
let operations: readonly Operation[]
let queries: ReadonlyMap<string, readonly string[]>
let ids: readonly string[]
let idOf: Readonly<Record<string, string>>
let secrets: readonly string[]
let credentials: { readonly basic: string; readonly admins: readonly string[]; readonly challenge: string }

beforeAll(async () => {
  // Private addresses are refused, so what a made-up URL names is never asked.
  service = await testService({ config: { allowPrivateAddresses: false } })
  world = await createWorld(service)
  operations = await operationsOf(service)
  queries = await queryParameters()
  const base = `/v1/zones/${world.zoneId}`
  const zone = {
    service,
    zoneId: world.zoneId,
    send: (...[method, path, body]: [string, string, unknown?]) => admin(service, method, `${base}${path}`, body),
    ok: (...[method, path, body]: [string, string, unknown?]) => adminOk(service, method, `${base}${path}`, body),
  }
  const made = new Set<string>()
  const byNoun: Record<string, string> = {}
  for (const { path, create } of SAMPLES) {
    const { id, version } = (await zone.ok('POST', path, await create(zone, 0))) as {
      id: string
      version?: { id: string }
    }
    made.add(id).add(version?.id ?? id)
    byNoun[path] = id
    byNoun[`${path}/versions`] = version?.id ?? id
  }
  const pause = await paused(world)
  const { items: sessions } = await zone.ok('GET', '/sessions')
  for (const { id } of sessions as { id: string }[]) made.add(id)
  const { id: tokenId } = await zone.ok('POST', '/admin-tokens', { name: 'held', capabilities: ['read'] })
  const [event] = (await zone.ok('GET', '/audit/events')).items as { id: string }[]
  idOf = {
    ...byNoun,
    '/sessions': [...made].at(-1) ?? '',
    '/step-up-challenges': pause.challenge_id,
    '/admin-tokens': String(tokenId),
    '/audit/events': event?.id ?? '',
  }
  ids = [...made, world.zoneId, world.application.id, world.resourceId, world.grantId, world.setId, pause.challenge_id]
  const everything = ['read', 'write', 'audit', 'approve', 'prove', 'attest', 'manage_tokens']
  const token = await world.token(everything, { kind: 'user', id: 'u' }, { max_aal: 'aal3' })
  const { id, secret } = world.application
  credentials = {
    basic: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
    admins: [token, token, service.adminToken],
    challenge: pause.challenge_response,
  }
  secrets = [secret, token, service.adminToken, pause.challenge_response]
})
afterAll(() => service.close())

async function queryParameters(): Promise<ReadonlyMap<string, readonly string[]>> {
  const document = (await (await fetch(`${service.url}/openapi.json`)).json()) as {
    paths: { [path: string]: { [method: string]: { parameters?: { name: string; in: string }[] } } }
  }
  return new Map(
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { parameters = [] }]) => [
        `${method.toUpperCase()} ${path}`,
        parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name),
      ]),
    ),
  )
}

const id = fc.oneof(
  { weight: 6, arbitrary: fc.nat().map((n) => ids[n % ids.length] ?? '') },
  { weight: 1, arbitrary: fc.uuid() },
  { weight: 1, arbitrary: text },
)

/** Values that a schema accepts, nearly: each part is now and then something else altogether. */
function nearlyOf(schema: Schema): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 60, arbitrary: rightlyOf(schema) },
    { weight: 1, arbitrary: json },
    { weight: 1, arbitrary: id },
  )
}

function rightlyOf(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(nearlyOf))
  if (schema.format === 'uuid') return id
  if (schema.format === 'date-time') return fc.constantFrom('2099-01-01T00:00:00Z', '2000-01-01T00:00:00.123456789Z')
  switch (schema.type) {
    case 'string':
      return fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom(...WORDS) },
        fc.string({ minLength: 1, maxLength: 20 }),
        text,
      )
    case 'integer':
    case 'number': {
      const { minimum = 0, maximum = 2 ** 31 } = schema
      return fc.oneof(fc.integer({ min: minimum, max: maximum }), fc.constantFrom(minimum, maximum, minimum - 1))
    }
    case 'boolean':
      return fc.boolean()
    case 'array':
      return fc.array(nearlyOf(schema.items ?? {}), { minLength: schema.minItems ?? 0, maxLength: 3 })
    case 'object':
      return objectOf(schema)
    default:
      return json
  }
}

// What the texts of the API look like: names, identifiers, URLs, scopes, Rego.
const WORDS = [
  ...['agent', 'read', 'roles.bindings', 'resource://a', 'https://host.invalid/jwks', 'aal2', 'mfa', 'webauthn'],
  ...['client_secret', 'private_key_jwt', 'package countersign.authz\n\nallow contains "a"\n', 'countersign'],
]

function objectOf({ properties = {}, required = [] }: Schema): fc.Arbitrary<object> {
  const members = Object.fromEntries(Object.entries(properties).map(([name, member]) => [name, nearlyOf(member)]))
  const record = fc.oneof(
    { weight: 8, arbitrary: fc.record(members, { requiredKeys: required.filter((name) => name in members) }) },
    { weight: 1, arbitrary: fc.record(members, { requiredKeys: [] }) },
  )
  return fc
    .tuple(record, fc.oneof({ weight: 30, arbitrary: fc.constant({}) }, fc.dictionary(text, json, { maxKeys: 2 })))
    .map(
      // As JSON has it, `__proto__` is a name like any other.
      ([own, more]) => Object.assign(Object.create(null), own, more),
    )
}

// The decision routes read their bodies themselves; this is what they look for.
const reference: Schema = {
  type: 'object',
  properties: { type: { enum: ['User', 'Application', 'Agent'] }, id: { type: 'string' }, issuer: { type: 'string' } },
  required: ['type', 'id'],
}
const question: Schema = {
  type: 'object',
  properties: {
    subject: reference,
    permission: { type: 'string' },
    action: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
    resource: { anyOf: [{ type: 'string' }, { ...reference }] },
    context: { type: 'object', properties: { amount: { type: 'number' }, now: { type: 'string' } } },
    current_aal: { enum: ['aal1', 'aal2', 'aal3'] },
    organization: { type: 'string' },
    explain: { type: 'boolean' },
    limit: { type: 'integer', minimum: 1, maximum: 500 },
    cursor: { type: 'string' },
  },
  required: ['subject', 'permission', 'action', 'resource'],
}
const questions: Schema = {
  type: 'object',
  properties: { checks: { type: 'array', items: question }, evaluations: { type: 'array', items: question } },
  required: ['checks', 'evaluations'],
}

function bodyOf(operation: Operation): fc.Arbitrary<string | Uint8Array | undefined> {
  const plural = /(check-batch|evaluations)$/.test(operation.path)
  const schema = operation.body ?? (plural ? questions : question)
  return fc.oneof(
    { weight: 30, arbitrary: nearlyOf(schema).map((value) => JSON.stringify(value) ?? '') },
    { weight: 2, arbitrary: json.map((value) => JSON.stringify(value) ?? '') },
    {
      weight: 1,
      arbitrary: fc.constantFrom<string | Uint8Array>(
        '',
        '{',
        '[]',
        'nul',
        '\ufeff{}',
        '{"a":1e999}',
        '{"name":"\\ud800"}',
        '{"name":"\\u0000"}',
        '{"__proto__":{"capabilities":["write"]},"constructor":{"prototype":{"zone_id":null}}}',
        `${'['.repeat(100_000)}`,
        `${'{"a":'.repeat(80)}1${'}'.repeat(80)}`,
        Uint8Array.of(0x22, 0xff, 0x22),
      ),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  )
}

function shotOf(operation: Operation): fc.Arbitrary<Shot> {
  const { method, path } = operation
  const destroys = method === 'DELETE' || path.endsWith('/revoke') || path.endsWith('/suspend')
  // What destroys is tried on what is not there: every other case needs the zone and what is in it.
  const [, noun = ''] = /^(?:\/v1\/zones\/\{zone_id\})?(?:\/v1)?(\/.*?)\/\{id\}/.exec(path) ?? []
  const right = (suffix = '') =>
    fc.constant(null).map(() => idOf[`${noun}${suffix}`] ?? idOf['/step-up-challenges'] ?? '')
  const row = destroys ? fc.oneof(fc.uuid(), text) : fc.oneof({ weight: 8, arbitrary: right() }, id)
  const version = fc.oneof({ weight: 8, arbitrary: right('/versions') }, id)
  const zone = fc.oneof(
    {
      weight: path === '/v1/zones/{zone_id}' && destroys ? 0 : 12,
      arbitrary: fc.constant(null).map(() => world.zoneId),
    },
    { weight: 1, arbitrary: fc.uuid() },
    { weight: 1, arbitrary: text },
  )
  const parameters = queries.get(`${method} ${path}`) ?? []
  const query = fc.record(
    Object.fromEntries(
      parameters.map((name) => [name, fc.oneof(text, id, fc.constantFrom('0', '1', '500', '501', 'desc'))]),
    ),
    { requiredKeys: [] },
  )
  const key = fc.oneof(
    fc.string({ minLength: 16, maxLength: 32 }).map((some) => some.replace(/[^!-~]/g, 'x')),
    headerText,
  )
  const more = fc.oneof(
    { weight: 3, arbitrary: fc.constant({}) },
    fc.record({ 'if-match': headerText, 'idempotency-key': key, origin: headerText }, { requiredKeys: [] }),
  )
  const type = fc.oneof(
    { weight: 40, arbitrary: fc.constant('application/json') },
    fc.constantFrom('application/json; charset=latin1', 'text/plain', 'application/merge-patch+json', ''),
  )
  const sends = method !== 'GET' && method !== 'DELETE'
  return fc.record({ zone, row, version, query, more, type, body: bodyOf(operation), n: fc.nat() }).map((drawn) => {
    const filled = path
      .replace('{zone_id}', () => encode(drawn.zone))
      .replace('{id}', () => encode(drawn.row))
      .replace('{version_id}', () => encode(drawn.version))
    const search = new URLSearchParams(drawn.query as Record<string, string>).toString()
    return {
      method,
      path: search === '' ? filled : `${filled}?${search}`,
      headers: {
        ...drawn.more,
        authorization: authorizationOf(path, drawn.n),
        ...(sends && drawn.type !== '' && { 'content-type': drawn.type }),
      },
      body: sends ? drawn.body : undefined,
    }
  })
}

function encode(text: unknown): string {
  // Half a surrogate pair has no encoding.
  return encodeURIComponent(Buffer.from(String(text)).toString())
}

function authorizationOf(path: string, n: number): string {
  if (path.includes('/oauth/2/challenges/')) return `Bearer ${credentials.challenge}`
  if (path.startsWith('/v1/') && !path.includes('/decisions/')) {
    return `Bearer ${credentials.admins[n % credentials.admins.length]}`
  }
  return credentials.basic
}

test('every route answers every body, path and query of an authenticated caller in words', async () => {
  expect(operations.length).toBeGreaterThan(75)
  for (const operation of operations) {
    await fc.assert(
      fc.asyncProperty(fc.array(shotOf(operation), { minLength: AT_ONCE, maxLength: AT_ONCE }), async (shots) => {
        expect(await broken(service, shots, secrets)).toEqual([])
      }),
      { numRuns: RUNS },
    )
  }
}, 60_000)

test('a URL that nobody registered a route for is a 404 or 405 in the same words', async () => {
  const method = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND')
  const path = fc.oneof(text.map(encode), fc.webPath(), fc.constantFrom('%', '%zz', '//', '/..;/', 'v1/zones/%2e%2e'))
  const shot = fc
    .tuple(method, path)
    .map(([method, path]): Shot => ({ method, path: `/${path.replace(/^\//, '')}`, headers: { origin: MARK } }))
  await fc.assert(
    fc.asyncProperty(fc.array(shot, { minLength: 10, maxLength: 10 }), async (shots) => {
      expect(await broken(service, shots, secrets)).toEqual([])
    }),
    { numRuns: 10 },
  )
})

test('nothing of what was sent has changed what objects inherit', () => {
  expect(Object.keys(Object.prototype)).toEqual([])
  expect(({} as { capabilities?: unknown }).capabilities).toBeUndefined()
})
