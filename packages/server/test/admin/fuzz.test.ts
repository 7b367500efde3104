import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { Compile } from 'typebox/schema'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWorld, type World } from '../support/world.js'
import { type TestService, testService } from './support/client.js'
import { type Operation, operationsOf, type Schema, sampleOf } from './support/operations.js'

let service: TestService
let world: World
let operations: readonly Operation[]

beforeAll(async () => {
  service = await testService()
  world = await createWorld(service)
  operations = (await operationsOf(service)).filter(
    ({ path }) => path.startsWith('/v1/') && !path.includes('/decisions/'),
  )
})
afterAll(() => service.close())

const SECRET = 'do-not-repeat-5e2f9c'
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    SECRET,
    'a',
    '\0',
    '\ud800',
    '__proto__',
    'constructor',
    '2026-01-01T00:00:00Z',
    'https://a.example',
    '🙂'.repeat(60),
  ),
)
const anything = fc.oneof(
  { weight: 3, arbitrary: fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<unknown> },
  { weight: 2, arbitrary: text },
  { weight: 1, arbitrary: fc.constantFrom<unknown>(null, -1, 2 ** 53, 1e308, -0, [], {}, [[[[]]]]) },
)

/** Values that a schema nearly accepts: most members as it asks, some of any other kind, some missing, some unknown. */
function nearly(schema: Schema, depth = 0): fc.Arbitrary<unknown> {
  const right = rightly(schema, depth)
  return fc.oneof({ weight: 8, arbitrary: right }, { weight: 1, arbitrary: anything })
}

function rightly(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  if (depth > 5) return anything
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map((one) => nearly(one, depth + 1)))
  if (schema.format === 'uuid') return fc.constantFrom(world.application.id, world.resourceId, randomUUID(), 'none')
  switch (schema.type) {
    case 'string':
      return fc.oneof(text, fc.constant(sampleOf(schema, world.application.id)), fc.constant(`r${randomUUID()}`))
    case 'integer':
      return fc.oneof(fc.integer(), fc.constantFrom(0, 1, 60))
    case 'array':
      return fc.array(nearly(schema.items ?? {}, depth + 1), { maxLength: 4 })
    case 'object': {
      const members = Object.entries(schema.properties ?? {}).map(
        ([name, of]) => [name, nearly(of, depth + 1)] as const,
      )
      const known = fc.record(Object.fromEntries(members), { requiredKeys: [] })
      const unknown = fc.dictionary(text, anything, { maxKeys: 1 })
      return fc
        .tuple(known, fc.oneof({ weight: 5, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: unknown }))
        .map(([a, b]) => ({ ...sampled(schema), ...a, ...b }))
    }
    default:
      return anything
  }
}

const sampled = (schema: Schema) => sampleOf(schema, world.application.id) as object

async function send(
  operation: Operation,
  path: string,
  body: string | undefined,
  headers: Record<string, string> = {},
) {
  const response = await fetch(`${service.url}${path}`, {
    method: operation.method,
    headers: {
      authorization: `Bearer ${service.adminToken}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body }),
    signal: AbortSignal.timeout(10_000),
  })
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() }
}

const validators = new Map<Schema, { Check(value: unknown): boolean }>()

/** What must hold of any answer. */
function check(operation: Operation, answer: Awaited<ReturnType<typeof send>>): void {
  const about = `${operation.method} ${operation.path}: ${answer.status} ${answer.text.slice(0, 300)}`
  expect(answer.status, about).toBeLessThan(500)
  if (answer.status >= 400) {
    expect(answer.type, about).toBe('application/problem+json; charset=utf-8')
    expect(JSON.parse(answer.text), about).toMatchObject({
      status: answer.status,
      code: expect.stringMatching(/^[a-z_]+$/),
    })
    expect(answer.text).not.toContain(SECRET)
    return
  }
  const schema = operation.responses[answer.status]
  expect(operation.responses, about).toHaveProperty(String(answer.status))
  if (schema === undefined || answer.text === '') return
  const validator = validators.get(schema) ?? Compile(schema)
  validators.set(schema, validator)
  expect(validator.Check(JSON.parse(answer.text)), about).toBe(true)
}

test('any body, on every route of the administration: no 5xx, a stable code, no echo, and successes as documented', async () => {
  const writers = operations.filter(({ body, path }) => body !== undefined && path !== '/v1/zones/{zone_id}')
  expect(writers.length).toBeGreaterThan(20)
  const statuses = new Set<number>()
  const own: { [noun: string]: string } = {
    applications: world.application.id,
    resources: world.resourceId,
    grants: world.grantId,
    'policy-sets': world.setId,
  }
  const cases = writers.map((operation) =>
    fc.record({
      operation: fc.constant(operation),
      body: nearly(operation.body ?? {}),
      id: fc.constantFrom(own[operation.path.split('/')[4] ?? ''] ?? randomUUID(), randomUUID(), 'none', '%00', SECRET),
      key: fc.option(fc.constantFrom(randomUUID(), 'short'), { nil: undefined, freq: 5 }),
    }),
  )
  const batches = fc.array(fc.oneof(...cases), { minLength: 10, maxLength: 10 })
  await fc.assert(
    fc.asyncProperty(batches, async (batch) => {
      await Promise.all(
        batch.map(async ({ operation, body, id, key }) => {
          const path = operation.path.replace('{zone_id}', world.zoneId).replace(/\{\w+\}/g, id)
          const answer = await send(
            operation,
            path,
            JSON.stringify(body),
            key === undefined ? {} : { 'idempotency-key': key },
          )
          statuses.add(answer.status)
          check(operation, answer)
        }),
      )
    }),
    { numRuns: 200 },
  )
  // The test says nothing if the bodies are never accepted, or never get as far as their meaning.
  expect([...statuses].sort()).toEqual(expect.arrayContaining([200, 201, 400, 404, 422]))
})

test('any text as a body, any query, any path', async () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.json(),
    fc.constantFrom(`{"name":"${SECRET}"`, SECRET),
  )
  const gets = operations.filter(({ method }) => method === 'GET')
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...operations),
      texts,
      fc.constantFrom(...gets),
      fc.webQueryParameters(),
      fc.webSegment(),
      async (writer, body, reader, query, segment) => {
        const id = segment.replace(/^\.+$/, 'a') || 'a'
        const fill = (path: string) => path.replace('{zone_id}', world.zoneId).replace(/\{\w+\}/g, id)
        if (writer.body !== undefined) check(writer, await send(writer, fill(writer.path), body))
        check(reader, await send(reader, `${fill(reader.path)}?${query}`, undefined))
      },
    ),
    { numRuns: 300 },
  )
})

test('any text as a policy is judged, with a place for each error', async () => {
  const words = [
    'package',
    'countersign.authz',
    'allow',
    'contains',
    'if',
    '{',
    '}',
    '[',
    ']',
    '(',
    ')',
    ':=',
    '==',
    '"a"',
    '1',
    'input.x',
    'some',
    'in',
    'every',
    'with',
    'as',
    'not',
    'default',
    'else',
    '\n',
    '|',
    '`',
    ',',
    ':',
    '.',
    'import',
    'data.y',
    'sprintf',
    '_',
    '#',
    '\\',
    "'",
  ]
  const sources = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 100 }),
    fc.array(fc.constantFrom(...words), { maxLength: 40 }).map((tokens) => `package a\n${tokens.join(' ')}`),
  )
  const validate = operations.find(({ path }) => path.endsWith('/policies/validate'))
  if (validate === undefined) throw new Error('no such route')
  const verdicts = new Set<boolean>()
  await fc.assert(
    fc.asyncProperty(sources, async (source) => {
      const answer = await send(validate, validate.path.replace('{zone_id}', world.zoneId), JSON.stringify({ source }))
      check(validate, answer)
      if (answer.status !== 200) return
      const { valid, errors } = JSON.parse(answer.text)
      verdicts.add(valid)
      expect(errors.length > 0).toBe(!valid)
      for (const { line, column } of errors) expect(Math.min(line, column)).toBeGreaterThanOrEqual(1)
    }),
    { numRuns: 600 },
  )
  expect(verdicts).toEqual(new Set([true, false]))
})

test('after all of it the zone still works: every list reads as documented, and the exchange decides', async () => {
  for (const operation of operations.filter(({ method, params }) => method === 'GET' && !params.includes('id'))) {
    const path = operation.path.replace('{zone_id}', world.zoneId)
    check(operation, await send(operation, path, undefined))
  }
  expect([200, 400, 401, 403]).toContain((await world.exchange()).status)
})
