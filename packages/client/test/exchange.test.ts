import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  CountersignError,
  type ExchangeOptions,
  InteractionRequiredError,
  OAuthClient,
  type OAuthClientOptions,
  OAuthError,
  pauseBody,
  readPause,
} from '../src/index.js'
import { issued, refused, WireService } from './wire-service.js'

let service: WireService
beforeEach(async () => {
  service = await WireService.start()
})
afterEach(() => service.stop())

const clientOf = (options: OAuthClientOptions = { clientSecret: 'app-secret' }) =>
  new OAuthClient(service.url, 'zone-1', 'app-1', options)

const failure = (promise: Promise<unknown>): Promise<CountersignError> =>
  promise.then(
    () => {
      throw new Error('did not fail')
    },
    (error) => error,
  )

describe('what is sent', () => {
  test('an exchange is one form with every field under its name', async () => {
    const mandate = await clientOf().exchange('user-token', ['https://b.example', 'https://a.example'], {
      scopes: ['write', 'read', 'read'],
      actorToken: 'actor',
      actorTokenType: 'access_token',
      sessionId: 'session-1',
      agentSessionId: 'agent-1',
      delegationEdgeId: 'edge-1',
      ttlSeconds: 60,
      requestedTokenType: 'jwt',
    })
    expect(mandate.accessToken).toMatch(/^mandate-/)
    const [request] = service.requests
    expect(request?.path).toBe('/zones/zone-1/oauth/2/token')
    expect(request?.headers['content-type']).toBe('application/x-www-form-urlencoded')
    expect([...(request?.form ?? [])]).toEqual([
      ['grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange'],
      ['zone_id', 'zone-1'],
      ['application_id', 'app-1'],
      ['subject_token', 'user-token'],
      ['subject_token_type', 'urn:ietf:params:oauth:token-type:jwt'],
      ['actor_token', 'actor'],
      ['actor_token_type', 'urn:ietf:params:oauth:token-type:access_token'],
      ['resource', 'https://a.example'],
      ['resource', 'https://b.example'],
      ['scope', 'read write'],
      ['session_id', 'session-1'],
      ['agent_session_id', 'agent-1'],
      ['delegation_edge_id', 'edge-1'],
      ['ttl_seconds', '60'],
      ['requested_token_type', 'urn:ietf:params:oauth:token-type:jwt'],
      ['client_secret', 'app-secret'],
    ])
  })

  test('without a subject token the application acts for itself, without a resource it asks for a session', async () => {
    await clientOf().exchange()
    const form = service.requests[0]?.form
    expect(form?.has('subject_token')).toBe(false)
    expect(form?.has('subject_token_type')).toBe(false)
    expect(form?.has('resource')).toBe(false)
  })

  test('any text survives the form', async () => {
    const client = clientOf({ clientSecret: 'x' })
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1 }), async (text) => {
        await client.exchange(text, text, { cache: false })
        const form = service.requests.at(-1)?.form
        expect(form?.get('subject_token')).toBe(text)
        expect(form?.getAll('resource')).toEqual([text])
      }),
      { numRuns: 50 },
    )
  })

  test('an assertion is sent as private_key_jwt and made anew for each attempt', async () => {
    let made = 0
    service.token = () => (service.requests.length < 3 ? refused(503, 'temporarily_unavailable') : issued())
    await clientOf({ clientAssertion: async () => `assertion-${++made}` }).exchange('user-token')
    expect(service.requests.map(({ form }) => form.get('client_assertion'))).toEqual([
      'assertion-1',
      'assertion-2',
      'assertion-3',
    ])
    expect(service.requests[0]?.form.get('client_assertion_type')).toBe(
      'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    )
  })

  test('a secret and an assertion cannot be one request, wherever they were given', async () => {
    const both = { clientSecret: 'x', clientAssertion: 'assertion' }
    expect((await failure(clientOf(both).exchange('user-token'))).code).toBe('invalid_option')
    expect((await failure(clientOf().exchange('user-token', undefined, both))).code).toBe('invalid_option')
    expect(service.requests).toHaveLength(0)
    // An exchange with a proof of its own uses that alone.
    await clientOf({ clientSecret: 'x' }).exchange('user-token', undefined, { clientAssertion: 'assertion' })
    const [{ form } = { form: new URLSearchParams() }] = service.requests
    expect([form.get('client_secret'), form.get('client_assertion')]).toEqual([null, 'assertion'])
  })

  test('raising a session and naming a resource cannot be one request', async () => {
    const error = await failure(clientOf().exchange('session', 'https://a.example', { acrValues: 'aal2' }))
    expect(error.code).toBe('invalid_option')
    expect(service.requests).toHaveLength(0)
  })

  test.each(['', 'sts.example', 'ftp://sts.example', 'https://u:p@sts.example', 'https://sts.example/?a', 'https://'])(
    'a service URL of %j is refused when the client is made',
    (url) => {
      expect(() => new OAuthClient(url, 'zone', 'app')).toThrow(CountersignError)
    },
  )
})

describe('what comes back', () => {
  test('a mandate with its life, scopes, targets and receipt', async () => {
    service.token = () => issued({ scope: 'read write', target_resources: ['https://a.example'], expires_in: 600 })
    const before = Date.now()
    const mandate = await clientOf().exchange('user-token', 'https://a.example')
    expect(mandate).toMatchObject({
      tokenType: 'Bearer',
      expiresIn: 600,
      scopes: ['read', 'write'],
      targetResources: ['https://a.example'],
    })
    expect(mandate.receipt?.leaf_hash).toBe('ab')
    expect(mandate.expiresAt - before).toBeGreaterThanOrEqual(600_000)
    expect(mandate.expiresAt).toBeLessThanOrEqual(Date.now() + 600_000)
    expect(Object.isFrozen(mandate)).toBe(true)
  })

  test('a refusal keeps its code, reason, status and request id', async () => {
    service.token = () => refused(403, 'access_denied', 'grant_missing: no grant covers this')
    const error = (await failure(clientOf().exchange('user-token', 'https://a.example'))) as OAuthError
    expect(error).toBeInstanceOf(OAuthError)
    expect(error).toMatchObject({ code: 'access_denied', reason: 'grant_missing', status: 403, requestId: 'request-1' })
  })

  test('arbitrary bodies never become a mandate unless they are one, and never fail in an unknown way', async () => {
    const client = clientOf({ clientSecret: 'x', maxRetries: 0 })
    const body = fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          access_token: fc.oneof(fc.string(), fc.jsonValue()),
          expires_in: fc.oneof(fc.integer(), fc.jsonValue()),
          token_type: fc.oneof(fc.constantFrom('Bearer', 'bearer', 'DPoP', 'N_A'), fc.jsonValue()),
          scope: fc.jsonValue(),
          error: fc.oneof(fc.constant('interaction_required'), fc.jsonValue()),
          challenge_id: fc.jsonValue(),
        },
        { requiredKeys: [] },
      ),
      fc.string(),
    )
    await fc.assert(
      fc.asyncProperty(body, fc.constantFrom(200, 204, 302, 400, 401, 418, 500), async (value, status) => {
        service.token = () => ({ status, body: value })
        const result = await client.exchange('user-token', undefined, { cache: false }).then(
          (mandate) => mandate,
          (error) => error,
        )
        if (result instanceof Error) expect(result).toBeInstanceOf(CountersignError)
        else {
          expect(status).toBe(200)
          expect(result).toMatchObject({ accessToken: expect.stringMatching(/./s), tokenType: 'Bearer' })
          expect(result.expiresIn).toBeGreaterThan(0)
        }
      }),
      { numRuns: 150 },
    )
  })
})

describe('the cache', () => {
  test('a mandate that is still good is served from memory until 30 seconds before its end', async () => {
    let now = 1_000_000
    const client = clientOf({ clientSecret: 'x', now: () => now })
    const first = await client.exchange('user-token', 'https://a.example')
    now += 869_000
    expect(await client.exchange('user-token', 'https://a.example')).toBe(first)
    now += 1_001
    expect(await client.exchange('user-token', 'https://a.example')).not.toBe(first)
  })

  test('two exchanges that differ in any part never share a mandate', async () => {
    const client = clientOf()
    const text = fc.constantFrom('a', 'b', 'a b', '["a"]', '')
    const some = fc.option(fc.constantFrom('a', 'b', 'a b', '"'), { nil: undefined })
    interface Question {
      subject: string | undefined
      resource: string[]
      options: ExchangeOptions
    }
    const question: fc.Arbitrary<Question> = fc.record({
      subject: fc.option(fc.constantFrom('a', 'b', '"'), { nil: undefined }),
      resource: fc.array(text, { maxLength: 2 }),
      options: fc.record({
        scopes: fc.array(fc.constantFrom('r', 'w'), { maxLength: 2 }),
        subjectTokenType: fc.constantFrom('jwt', 'id_token', undefined),
        actorToken: some,
        sessionId: some,
        agentSessionId: some,
        delegationEdgeId: some,
        ttlSeconds: fc.constantFrom(undefined, 60, 61),
        requestedTokenType: fc.constantFrom(undefined, 'jwt', 'access_token'),
        clientSecret: some,
      }) as fc.Arbitrary<ExchangeOptions>,
    })
    const sent = ({ form }: { form: URLSearchParams }) => form.toString()
    await fc.assert(
      fc.asyncProperty(question, question, fc.nat(10), async (a, other, at) => {
        const b = withOnePartOf(a, other, at)
        client.clearCache()
        const [first, second] = [
          await client.exchange(a.subject, a.resource, a.options),
          await client.exchange(b.subject, b.resource, b.options),
        ]
        const alone = async (q: typeof a) => {
          await client.exchange(q.subject, q.resource, { ...q.options, cache: false })
          return sent(service.requests.at(-1) ?? { form: new URLSearchParams() })
        }
        expect(first === second).toBe((await alone(a)) === (await alone(b)))
      }),
      { numRuns: 300 },
    )

    // Mostly one part differs: two questions that differ in all of them are easily told apart.
    function withOnePartOf(a: Question, other: Question, at: number): Question {
      const name = Object.keys(other.options)[at] as keyof ExchangeOptions | undefined
      if (name === undefined) return at % 2 ? { ...a, subject: other.subject } : { ...a, resource: other.resource }
      return { ...a, options: { ...a.options, [name]: other.options[name] } }
    }
  })

  test('what a step-up paid for is not handed to the next call', async () => {
    const client = clientOf()
    const challenge = { challengeId: 'c', challengeSecret: 's' }
    const paid = await client.exchange('user-token', 'https://a.example', { challenge })
    expect(await client.exchange('user-token', 'https://a.example')).not.toBe(paid)
    expect(await client.exchange('user-token', 'https://a.example', { challenge })).not.toBe(paid)
    expect(service.requests).toHaveLength(3)
  })

  test('a session that was raised makes what it was before forgotten', async () => {
    const client = clientOf()
    const weak = await client.exchange('session', 'https://a.example')
    service.token = ({ form }) => (form.has('acr_values') ? refused(401, 'access_denied') : issued())
    await failure(client.exchange('session', undefined, { acrValues: 'aal2' }))
    expect(await client.exchange('session', 'https://a.example')).toBe(weak)
    service.token = () => issued()
    await client.exchange('session', undefined, { acrValues: 'aal2' })
    expect(await client.exchange('session', 'https://a.example')).not.toBe(weak)
  })

  test('clearing it also forgets what was under way', async () => {
    const client = clientOf()
    let answer = () => {}
    service.token = () => new Promise((resolve) => (answer = () => resolve(issued())))
    const before = client.exchange('user-token', 'https://a.example')
    await expect.poll(() => service.requests.length).toBe(1)
    client.clearCache()
    const after = client.exchange('user-token', 'https://a.example')
    answer()
    await expect.poll(() => service.requests.length).toBe(2)
    answer()
    expect(await after).not.toBe(await before)
    expect(await client.exchange('user-token', 'https://a.example')).toBe(await after)
  })

  test('the same exchange asked for 50 times at once is made once', async () => {
    const client = clientOf()
    const all = await Promise.all(Array.from({ length: 50 }, () => client.exchange('user-token', 'https://a.example')))
    expect(new Set(all).size).toBe(1)
    expect(service.requests).toHaveLength(1)
  })

  test('a caller that gives up leaves the others alone, and the last to give up ends the request', async () => {
    const client = clientOf()
    service.token = () => 'held'
    const [one, two] = [new AbortController(), new AbortController()]
    const first = failure(client.exchange('user-token', undefined, { signal: one.signal }))
    const second = failure(client.exchange('user-token', undefined, { signal: two.signal }))
    await expect.poll(() => service.requests.length).toBe(1)
    one.abort()
    expect(await first).toMatchObject({ code: 'aborted', name: 'AbortError' })
    let gone = false
    service.requests[0]?.gone.then(() => {
      gone = true
    })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(gone).toBe(false)
    two.abort()
    expect((await second).code).toBe('aborted')
    await service.requests[0]?.gone
  })
})

describe('retries and the deadline', () => {
  test('a lost answer is asked for again under the same idempotency key', async () => {
    service.token = () => (service.requests.length === 1 ? 'lost' : issued())
    await clientOf().exchange('user-token')
    const keys = service.requests.map(({ headers }) => headers['idempotency-key'])
    expect(keys).toHaveLength(2)
    expect(keys[0]).toMatch(/^[0-9a-z]{32}$/)
    expect(keys[1]).toBe(keys[0])
  })

  test('two exchanges never share an idempotency key', async () => {
    const client = clientOf()
    await Promise.all(Array.from({ length: 20 }, () => client.exchange('user-token', undefined, { cache: false })))
    expect(new Set(service.requests.map(({ headers }) => headers['idempotency-key'])).size).toBe(20)
  })

  test('a given assertion is good for one attempt, so nothing is repeated', async () => {
    service.token = () => 'lost'
    const error = await failure(clientOf({ clientAssertion: 'assertion' }).exchange('user-token'))
    expect(error.code).toBe('transport')
    expect(service.requests).toHaveLength(1)
  })

  test("a lost answer says why, in the platform's code and nothing else of it", async () => {
    const failing = (cause: Error) =>
      clientOf({ clientAssertion: 'x', fetch: () => Promise.reject(cause) }).exchange('t')
    const refused = Object.assign(new Error('connect with user-token'), { code: 'ECONNREFUSED' })
    const error = await failure(failing(new TypeError('fetch failed', { cause: refused })))
    expect(error.code).toBe('transport')
    expect(error.message).toMatch(/ got no answer \(ECONNREFUSED\)\.$/)
    expect((await failure(failing(new TypeError('user-token')))).message).toMatch(/ got no answer\.$/)
  })

  test.each([400, 401, 403, 404, 500])('an answer of %i is final', async (status) => {
    service.token = () => refused(status, 'invalid_request')
    await failure(clientOf().exchange('user-token'))
    expect(service.requests).toHaveLength(1)
  })

  test.each([
    ['429', 429, 'slow_down'],
    ['503', 503, 'temporarily_unavailable'],
  ])('%s is waited out as long as Retry-After says', async (_, status, code) => {
    service.token = () => (service.requests.length === 1 ? refused(status, code, '', { 'retry-after': '1' }) : issued())
    const started = performance.now()
    await clientOf().exchange('user-token')
    expect(performance.now() - started).toBeGreaterThanOrEqual(990)
  })

  test('a Retry-After beyond the deadline fails at once and says how long', async () => {
    service.token = () => refused(429, 'slow_down', 'cooldown', { 'retry-after': '300' })
    const started = performance.now()
    const error = (await failure(clientOf().exchange('user-token'))) as OAuthError
    expect(error).toMatchObject({ code: 'slow_down', retryAfter: 300 })
    expect(performance.now() - started).toBeLessThan(1_000)
    expect(service.requests).toHaveLength(1)
  })

  test('one deadline covers every attempt and every pause', async () => {
    service.token = () => (service.requests.length < 3 ? 'lost' : 'held')
    const started = performance.now()
    const error = await failure(clientOf().exchange('user-token', undefined, { timeoutMs: 900 }))
    expect(error.code).toBe('timeout')
    expect(performance.now() - started).toBeLessThan(1_500)
    await service.requests.at(-1)?.gone
  })

  test('a platform fetch that ignores its signal cannot hold a call', async () => {
    const client = clientOf({ fetch: () => new Promise(() => {}) })
    expect((await failure(client.exchange('user-token', undefined, { timeoutMs: 50 }))).code).toBe('timeout')
  })

  test('a redirect is not followed with credentials', async () => {
    service.token = () => ({ status: 307, headers: { location: `${service.url}/elsewhere` }, body: {} })
    expect((await failure(clientOf().exchange('user-token'))).code).toBe('transport')
    expect(service.to('/elsewhere')).toHaveLength(0)
  })
})

describe('the pause', () => {
  test('is an error that says what is demanded', async () => {
    service.token = () => service.pause({ challenge_id: 'c-1' })
    const error = await failure(clientOf().exchange('user-token', 'https://a.example'))
    expect(error).toBeInstanceOf(InteractionRequiredError)
    expect(error).toMatchObject({
      code: 'interaction_required',
      challengeId: 'c-1',
      challengeType: 'mfa',
      challengeSecret: 'secret-of-c-1',
      acrValues: 'aal2',
      maxAge: 300,
      challengeUri: `${service.url}/challenge/c-1`,
    })
    expect((error as InteractionRequiredError).expiresAt).toBeGreaterThan(Date.now())
  })

  test('keeps its secret out of logs and serialisations', async () => {
    service.token = () => service.pause({ challenge_id: 'c-1' })
    const error = await failure(clientOf().exchange('user-token'))
    const shown = [inspect(error, { depth: 9 }), JSON.stringify(error), String(error), error.stack, error.message]
    shown.push(JSON.stringify({ ...error }), JSON.stringify(Object.entries(error)))
    for (const text of shown) expect(text).not.toContain('secret-of-c-1')
  })

  test('is resumed by presenting its challenge with the very same request', async () => {
    const client = clientOf()
    service.token = ({ form }) => (form.has('challenge_id') ? issued() : service.pause({ challenge_id: 'c-1' }))
    const ask = (challenge?: InteractionRequiredError) =>
      client.exchange('user-token', 'https://a.example', { scopes: ['pay'], challenge })
    await ask((await failure(ask())) as InteractionRequiredError)
    const [paused, resumed] = service.requests.map(({ form }) => new Map(form))
    expect(resumed?.get('challenge_id')).toBe('c-1')
    expect(resumed?.get('challenge_response')).toBe('secret-of-c-1')
    resumed?.delete('challenge_id')
    resumed?.delete('challenge_response')
    expect(resumed).toEqual(paused)
  })

  test('relayed by a backend is the same pause in its page', async () => {
    service.token = () => service.pause({ challenge_id: 'c-1' })
    const error = (await failure(clientOf().exchange('user-token'))) as InteractionRequiredError
    const relayed = readPause(JSON.parse(JSON.stringify(pauseBody(error))))
    expect(relayed).toBeInstanceOf(InteractionRequiredError)
    expect(relayed).toMatchObject({ ...error, challengeSecret: 'secret-of-c-1', receipt: undefined })
    const others = [null, 'x', [], {}, { error: 'access_denied' }, { ...pauseBody(error), challenge_secret: 7 }]
    for (const other of others) expect(readPause(other)).toBeUndefined()
  })

  test('asked again too early keeps the secret it had', async () => {
    const client = clientOf()
    service.token = ({ form }) => {
      const pause = service.pause({ challenge_id: 'c-1' })
      if (form.has('challenge_id') && typeof pause === 'object')
        delete (pause.body as { challenge_secret?: string }).challenge_secret
      return pause
    }
    const first = (await failure(client.exchange('user-token'))) as InteractionRequiredError
    const again = (await failure(
      client.exchange('user-token', undefined, { challenge: first }),
    )) as InteractionRequiredError
    expect(again).toBeInstanceOf(InteractionRequiredError)
    expect(again.challengeSecret).toBe('secret-of-c-1')
  })
})

test('no error ever shows a token or a secret that was sent', async () => {
  const secrets = { subject: 'SUBJECT-TOKEN', secret: 'APP-SECRET', actor: 'ACTOR-TOKEN' }
  const answers: (() => ReturnType<WireService['token']>)[] = [
    () => 'lost',
    () => ({ status: 500, body: 'no json' }),
    () => ({ body: {} }),
    () => refused(400, 'invalid_request'),
    () => ({ status: 302, headers: { location: '/x' }, body: {} }),
  ]
  for (const answer of answers) {
    service.token = answer
    const error = await failure(
      clientOf({ clientSecret: secrets.secret, maxRetries: 0 }).exchange(secrets.subject, undefined, {
        actorToken: secrets.actor,
      }),
    )
    const shown = `${inspect(error, { depth: 9, showHidden: true })} ${JSON.stringify(error)}`
    for (const secret of Object.values(secrets)) expect(shown).not.toContain(secret)
  }
})
