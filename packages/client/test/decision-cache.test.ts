import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DecisionClient, type DecisionClientOptions, type DecisionQuery, queryKey } from '../src/index.js'
import { decision, WireService } from './wire-service.js'

let service: WireService
let now = 0
let version = 1
beforeEach(async () => {
  service = await WireService.start()
  now = 1_000_000
  version = 1
  service.decisions = () => ({ body: { data: decision({ policy_version: version }) } })
})
afterEach(() => service.stop())

const clientOf = (more: Partial<DecisionClientOptions> = {}) =>
  new DecisionClient(service.url, 'zone-1', {
    token: 'session-mandate',
    cache: { ttlMs: 10_000 },
    maxRetries: 0,
    now: () => now,
    ...more,
  } as DecisionClientOptions)

const query = (more: Partial<DecisionQuery> = {}): DecisionQuery => ({
  subject: { type: 'user', id: 'alice' },
  permission: 'transfers:create',
  ...more,
})

test('is off unless asked for: not even questions asked at once share an answer', async () => {
  const client = new DecisionClient(service.url, 'zone-1', { token: 'session-mandate' })
  await Promise.all([client.check(query()), client.check(query())])
  await client.check(query())
  expect(service.requests).toHaveLength(3)
})

test('an answer is repeated until its time is over, counted from when it was asked', async () => {
  const client = clientOf()
  const first = await client.check(query())
  now += 9_999
  expect(await client.check(query())).toBe(first)
  now += 1
  expect(await client.check(query())).not.toBe(first)
})

test('the level and the caller are part of the question', async () => {
  let token = 'alice'
  const client = clientOf({ token: () => token })
  await client.check(query())
  await client.check(query({ currentAal: 'aal2' }))
  token = 'mallory'
  await client.check(query())
  expect(service.requests).toHaveLength(3)
})

test('questions asked at once are one request, and one that is aborted harms nobody', async () => {
  const client = clientOf()
  const controller = new AbortController()
  const aborted = client.check(query(), { signal: controller.signal })
  const others = Promise.all(Array.from({ length: 20 }, () => client.check(query())))
  controller.abort()
  expect(await aborted).toEqual({ status: 'unavailable', reason: 'aborted' })
  for (const answer of await others) expect(answer.status).toBe('granted')
  expect(service.requests.length).toBeLessThanOrEqual(1)
})

test('failures are never remembered', async () => {
  const client = clientOf()
  const failures = ['lost', { status: 503, body: {} }, { body: '<html>' }, { body: { allowed: true } }] as const
  for (const failure of failures) {
    service.decisions = () => failure
    expect((await client.check(query())).status).toBe('unavailable')
  }
  service.decisions = () => ({ body: { data: decision() } })
  expect((await client.check(query())).status).toBe('granted')
})

test('an explanation is neither served from it nor put into it', async () => {
  const client = clientOf()
  await client.check(query({ explain: true }))
  await client.check(query({ explain: true }))
  await client.check(query())
  expect(service.requests).toHaveLength(3)
})

describe('policy versions', () => {
  test('a higher one empties it', async () => {
    const client = clientOf()
    await client.check(query({ permission: 'old' }))
    version = 2
    await client.check(query({ permission: 'new' }))
    await client.check(query({ permission: 'old' }))
    await client.check(query({ permission: 'new' }))
    expect(service.requests).toHaveLength(3)
  })

  test('a lower one never fills it', async () => {
    const client = clientOf()
    version = 5
    await client.check(query({ permission: 'a' }))
    version = 4
    await client.check(query({ permission: 'b' }))
    await client.check(query({ permission: 'b' }))
    expect(service.requests).toHaveLength(3)
  })

  test('an answer without one is not remembered', async () => {
    const client = clientOf()
    for (const unknown of [null, undefined, '2', -1, 1.5, 2 ** 53]) {
      service.decisions = () => ({ body: { data: decision({ policy_version: unknown }) } })
      const before = service.requests.length
      await client.check(query())
      await client.check(query())
      expect(service.requests.length - before).toBe(2)
    }
  })

  test('news from a batch or an explanation counts too', async () => {
    const client = clientOf()
    await client.check(query())
    version = 2
    await client.check(query({ explain: true }))
    await client.check(query())
    expect(service.requests).toHaveLength(3)
  })

  test('in any order of answers, nothing older than the newest version seen is ever repeated', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ permission: fc.constantFrom('a', 'b', 'c'), version: fc.nat(4) }), { maxLength: 20 }),
        async (steps) => {
          const client = clientOf()
          let newest = -1
          for (const step of steps) {
            version = step.version
            const before = service.requests.length
            const answer = await client.check(query({ permission: step.permission }))
            const repeated = service.requests.length === before
            if (answer.status !== 'granted' || answer.policyVersion === null) throw new Error('not granted')
            if (repeated) expect(answer.policyVersion).toBe(newest)
            newest = Math.max(newest, answer.policyVersion)
          }
        },
      ),
      { numRuns: 40 },
    )
  })
})

test('clearing it keeps what was asked before from filling it', async () => {
  const client = clientOf()
  let answer = () => {}
  service.decisions = () => new Promise((resolve) => (answer = () => resolve({ body: decision() })))
  const before = client.check(query())
  await expect.poll(() => service.requests.length).toBe(1)
  client.clearCache()
  answer()
  await before
  service.decisions = () => ({ body: decision({ allowed: false }) })
  expect((await client.check(query())).status).toBe('denied')
})

test('it is bounded: the least recently used go first', async () => {
  const client = clientOf({ cache: { ttlMs: 10_000, maxEntries: 2 } })
  for (const permission of ['a', 'b', 'a', 'c', 'a', 'b']) await client.check(query({ permission }))
  expect(service.requests.map(({ json }) => (json as { permission: string }).permission)).toEqual(['a', 'b', 'c', 'b'])
})

describe('keys', () => {
  const odd = fc.letrec((tie) => ({
    value: fc.oneof(
      fc.jsonValue(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\ud800', '\udc00', '\ud83d', -0, 0, null, '__proto__', 'toJSON'),
      fc.date({ noInvalidDate: true }),
      fc.constantFrom(new Date(Number.NaN), Number.NaN, undefined, Symbol('s'), () => 1),
      fc.bigInt(),
      fc.jsonValue().map((inner) => ({ toJSON: () => inner })),
      fc.jsonValue().map((inner) => Object.defineProperty({}, 'lazy', { get: () => inner, enumerable: true })),
      fc.constant(Object.defineProperty({}, 'bad', { get: () => JSON.parse('{'), enumerable: true })),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), tie('value'), { maxKeys: 3 }),
      fc.string().map((name) => {
        const cycle = {}
        return Object.defineProperty(cycle, name, { value: cycle, enumerable: true })
      }),
    ),
  })).value
  const mostly = (...usual: unknown[]) =>
    fc.oneof({ arbitrary: fc.constantFrom(...usual), weight: 6 }, odd as fc.Arbitrary<unknown>)
  const anything: fc.Arbitrary<DecisionQuery> = fc.record({
    subject: mostly({ type: 'user', id: 'alice' }),
    permission: mostly('a', 'b'),
    organization: mostly(null, 'a'),
    resource: mostly('x', { type: 'x', id: 'y' }, null),
    context: fc.oneof(fc.constant(null), odd),
    currentAal: mostly('aal1', 'aal2', undefined),
  }) as fc.Arbitrary<unknown> as fc.Arbitrary<DecisionQuery>

  test('of any two queries are the same exactly when the service is asked the same, and making one never throws', async () => {
    const bodies: string[] = []
    let both = 0
    const client = clientOf({
      fetch: async (_, { body }) => {
        bodies.push(String(body))
        return new Response(JSON.stringify(decision()))
      },
    })
    // What the service would read: its parser does not care for the order of members.
    const asked = (text: string | undefined) => text && JSON.stringify(sorted(JSON.parse(text)))
    await fc.assert(
      fc.asyncProperty(anything, anything, async (a, b) => {
        client.clearCache()
        bodies.length = 0
        const first = await client.check(a)
        const sentFirst = bodies.at(-1)
        const second = await client.check(b)
        const sentSecond = bodies.length > (sentFirst === undefined ? 0 : 1) ? bodies.at(-1) : undefined
        if (sentFirst !== undefined && sentSecond !== undefined) both += 1
        if (first.status === 'unavailable') expect(sentFirst).toBeUndefined()
        if (sentSecond !== undefined) expect(asked(sentSecond)).not.toBe(asked(sentFirst))
        else if (second.status !== 'unavailable') expect(queryKey(a)).toBe(queryKey(b))
        if (sentFirst !== undefined) expect(queryKey(a)).toBe(sentFirst)
        if (sentSecond !== undefined) expect(queryKey(b)).toBe(sentSecond)
      }),
      { numRuns: 2_000 },
    )
    expect(both).toBeGreaterThan(100)
  })

  test('do not depend on the order of members', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (context) => {
        const reversed = Object.fromEntries(Object.entries(context).reverse())
        expect(queryKey(query({ context: reversed }))).toBe(queryKey(query({ context })))
      }),
    )
  })

  test('are what is sent, even when a getter answers differently each time', async () => {
    let reads = 0
    const context = {
      get nonce() {
        reads += 1
        return reads
      },
    }
    const client = clientOf()
    await client.check(query({ context }))
    expect(service.requests[0]?.json).toMatchObject({ context: { nonce: 1 } })
    expect(reads).toBe(1)
  })

  function sorted(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(sorted)
    if (typeof value !== 'object' || value === null) return value
    return Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)])
  }
})
