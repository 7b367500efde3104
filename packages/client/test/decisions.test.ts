import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type Decision,
  DecisionClient,
  type DecisionClientOptions,
  type DecisionQuery,
  isGranted,
} from '../src/index.js'
import { decision, WireService } from './wire-service.js'

let service: WireService
beforeEach(async () => {
  service = await WireService.start()
})
afterEach(() => service.stop())

const clientOf = (options: Partial<DecisionClientOptions> = {}) =>
  new DecisionClient(service.url, 'zone-1', {
    token: 'session-mandate',
    maxRetries: 0,
    ...options,
  } as DecisionClientOptions)

const query = (more: Partial<DecisionQuery> = {}): DecisionQuery => ({
  subject: { type: 'user', id: 'alice' },
  permission: 'transfers:create',
  ...more,
})

describe('what is sent', () => {
  test('eight members in snake case, absent ones null, the level aal1 unless said', async () => {
    await clientOf().check(query())
    const [request] = service.requests
    expect(request?.path).toBe('/v1/zones/zone-1/decisions/check')
    expect(request?.headers.authorization).toBe('Bearer session-mandate')
    expect(request?.json).toEqual({
      subject: { type: 'user', id: 'alice' },
      permission: 'transfers:create',
      organization: null,
      application: null,
      resource: null,
      context: null,
      current_aal: 'aal1',
      explain: false,
    })
  })

  test('a reference is its type and id, whatever else the object holds', async () => {
    const account = { type: 'account', id: '42', balance: 1_000_000 }
    await clientOf().check(query({ subject: { ...account, issuer: 'https://idp.example' }, resource: account }))
    expect(service.requests[0]?.json).toMatchObject({
      subject: { type: 'account', id: '42', issuer: 'https://idp.example' },
      resource: { type: 'account', id: '42' },
    })
    expect(service.requests[0]?.text).not.toContain('balance')
  })

  test('a confidential application proves itself by Basic, whatever its secret is made of', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), async (id, secret) => {
        const client = new DecisionClient(service.url, 'zone-1', { applicationId: id, clientSecret: secret })
        await client.check(query())
        const [scheme, credentials = ''] = service.requests.at(-1)?.headers.authorization?.split(' ') ?? []
        expect(scheme).toBe('Basic')
        const parts = Buffer.from(credentials, 'base64').toString().split(':').map(decodeURIComponent)
        expect(parts).toEqual([id, secret])
      }),
      { numRuns: 50 },
    )
  })
})

describe('what comes back', () => {
  test.each([
    ['in its envelope', (data: unknown) => ({ data })],
    ['flat', (data: unknown) => data],
  ])('a grant, a step-up and a denial, %s', async (_, wrap) => {
    const client = clientOf()
    const answer = (more: Record<string, unknown>) => {
      service.decisions = () => ({ body: wrap(decision(more)) })
      return client.check(query())
    }
    expect(await answer({})).toMatchObject({
      status: 'granted',
      decisionId: 'decision-1',
      policyVersion: 1,
      aalSource: 'session',
    })
    expect(
      await answer({ requires_step_up: true, required_aal: 'aal2', max_age: 300, challenge_type: 'mfa' }),
    ).toMatchObject({ status: 'step_up', requiredAal: 'aal2', maxAge: 300, challengeType: 'mfa' })
    expect(await answer({ requires_step_up: true, challenge_type: 'human_approval' })).toMatchObject({
      status: 'step_up',
      requiredAal: null,
    })
    expect(await answer({ allowed: false })).toMatchObject({ status: 'denied' })
  })

  test('allowed with a pending step-up is not granted: not by can, not by isGranted, not by status', async () => {
    service.decisions = () => ({ body: { data: decision({ requires_step_up: true, required_aal: 'aal2' }) } })
    const client = clientOf()
    expect(await client.can(query())).toBe(false)
    const answer = await client.check(query())
    expect(answer.status).toBe('step_up')
    expect(isGranted(answer)).toBe(false)
    expect('allowed' in answer).toBe(false)
    expect(isGranted({ allowed: true, requires_step_up: true })).toBe(false)
    expect(isGranted({ allowed: true, requires_step_up: false })).toBe(true)
  })

  test('any body grants exactly when it allows, asks for nothing and does not contradict itself', async () => {
    const client = clientOf()
    const level = fc.oneof(
      { arbitrary: fc.constant(null), weight: 8 },
      fc.constantFrom(null, undefined, 'aal1', 'aal2', 'aal3', 'aal4', 'AAL2', '', 0, {}),
      fc.jsonValue(),
    )
    const data = fc.oneof(
      fc.jsonValue(),
      fc.record(
        {
          allowed: fc.oneof({ arbitrary: fc.constant(true), weight: 4 }, fc.jsonValue()),
          requires_step_up: fc.oneof(
            { arbitrary: fc.boolean(), weight: 6 },
            fc.constantFrom('false', 0, null),
            fc.jsonValue(),
          ),
          required_aal: level,
          max_age: fc.oneof(
            { arbitrary: fc.constant(null), weight: 8 },
            fc.constantFrom(null, undefined, 300, -1),
            fc.jsonValue(),
          ),
          challenge_type: fc.oneof(
            { arbitrary: fc.constant(null), weight: 8 },
            fc.constantFrom(null, undefined, 'mfa', 'sms'),
            fc.jsonValue(),
          ),
          policy_version: fc.jsonValue(),
          decision_id: fc.jsonValue(),
          matched: fc.jsonValue(),
          explanation: fc.jsonValue(),
          status: fc.constant('granted'),
        },
        { requiredKeys: [] },
      ),
    )
    const none = (value: unknown) => value === null || value === undefined
    const mayGrant = (value: unknown): boolean => {
      const body = value as { [key: string]: unknown } | null
      return (
        body !== null &&
        typeof body === 'object' &&
        body.allowed === true &&
        body.requires_step_up === false &&
        none(body.required_aal) &&
        none(body.max_age) &&
        none(body.challenge_type)
      )
    }
    let granted = 0
    await fc.assert(
      fc.asyncProperty(data, fc.boolean(), async (value, enveloped) => {
        service.decisions = () => ({ body: enveloped ? { data: value } : value })
        const answer = await client.check(query())
        const sent = JSON.parse(JSON.stringify({ value })).value
        expect(isGranted(answer)).toBe(
          mayGrant(enveloped ? sent : sent && typeof sent === 'object' && 'data' in sent ? sent.data : sent),
        )
        expect(['granted', 'step_up', 'denied', 'unavailable']).toContain(answer.status)
        if (answer.status === 'granted') granted += 1
      }),
      { numRuns: 500 },
    )
    expect(granted).toBeGreaterThan(5)
  })

  test('a body that is an envelope and an answer at once grants nothing', async () => {
    service.decisions = () => ({ body: { ...decision(), data: decision() } })
    expect(await clientOf().check(query())).toEqual({ status: 'unavailable', reason: 'invalid body' })
  })

  test.each([{ required_aal: 'aal4' }, { required_aal: 2 }, { challenge_type: 'sms' }, { max_age: -1 }])(
    'a demand that nobody can meet, %j, is no step-up',
    async (demand) => {
      service.decisions = () => ({ body: { data: decision({ requires_step_up: true, ...demand }) } })
      expect(await clientOf().check(query())).toEqual({ status: 'unavailable', reason: 'invalid body' })
    },
  )

  test('answers cannot be changed by whoever holds them', async () => {
    const answer = await clientOf().check(query())
    const parts: unknown[] = [answer]
    if (answer.status === 'granted') parts.push(answer.matched, answer.matched[0], answer.explanation)
    for (const part of parts) expect(Object.isFrozen(part)).toBe(true)
  })
})

describe('every failure is a no that says why', () => {
  const reason = (answer: Decision) => (answer.status === 'unavailable' ? answer.reason : answer.status)

  test('no subject: nothing is asked', async () => {
    const client = clientOf()
    for (const subject of [null, undefined, { type: 'user', id: '' }]) {
      expect(reason(await client.check(query({ subject })))).toBe('no-subject')
    }
    expect(service.requests).toHaveLength(0)
  })

  test('a lost connection', async () => {
    service.decisions = () => 'lost'
    expect(reason(await clientOf().check(query()))).toBe('transport')
  })

  test('an error answer, with its status and code', async () => {
    service.decisions = () => ({ status: 422, body: { code: 'ambiguous_subject', status: 422 } })
    expect(await clientOf().check(query())).toEqual({
      status: 'unavailable',
      reason: 'transport',
      httpStatus: 422,
      code: 'ambiguous_subject',
    })
  })

  test('an error answer that carries a grant', async () => {
    service.decisions = () => ({ status: 500, body: { data: decision() } })
    expect(reason(await clientOf().check(query()))).toBe('transport')
  })

  test('a body that is not an answer', async () => {
    service.decisions = () => ({ body: '<html>' })
    expect(reason(await clientOf().check(query()))).toBe('invalid body')
  })

  test('no answer in time', async () => {
    service.decisions = () => 'held'
    expect(reason(await clientOf({ timeoutMs: 50 }).check(query()))).toBe('timeout')
  })

  test('an abort', async () => {
    service.decisions = () => 'held'
    const controller = new AbortController()
    const asking = clientOf().check(query(), { signal: controller.signal })
    setTimeout(() => controller.abort(), 20)
    expect(reason(await asking)).toBe('aborted')
  })

  test('a token that cannot be had', async () => {
    const client = clientOf({ token: () => Promise.reject(new Error('signed out')) })
    expect(reason(await client.check(query()))).toBe('transport')
  })

  test('a query that cannot be sent: no bigint, cycle, throwing getter or unknown level throws out of check', async () => {
    const cycle: { self?: unknown } = {}
    cycle.self = cycle
    const odd: object[] = [
      { n: 1n },
      cycle,
      {
        get now() {
          throw new Error('no')
        },
      },
      { toJSON: () => 7 },
      [1, 2],
    ]
    const client = clientOf()
    for (const context of odd) expect(reason(await client.check(query({ context })))).toBe('invalid query')
    const wrong = [
      { currentAal: 'aal9' },
      { permission: '' },
      { permission: 7 },
      { resource: { id: 7 } },
      { explain: 'yes' },
    ]
    for (const more of wrong) {
      expect(reason(await client.check(query(more as unknown as DecisionQuery)))).toBe('invalid query')
    }
    expect(reason(await client.check(null as unknown as DecisionQuery))).toBe('invalid query')
    expect(service.requests).toHaveLength(0)
  })

  test('a passing failure is retried within the deadline', async () => {
    service.decisions = () => (service.requests.length === 1 ? { status: 503, body: {} } : { body: decision() })
    expect(reason(await clientOf({ maxRetries: 2 }).check(query()))).toBe('granted')
  })
})

describe('many at once', () => {
  test('answers stand in the order of the questions, in requests of at most a hundred', async () => {
    service.decisions = ({ json }) => ({
      body: {
        data: (json as { checks: { permission: string }[] }).checks.map(({ permission }) =>
          decision({ decision_id: permission, allowed: permission !== 'p7' }),
        ),
      },
    })
    const queries = Array.from({ length: 250 }, (_, i) =>
      query({ permission: `p${i}`, ...(i === 9 ? { subject: null } : {}) }),
    )
    const answers = await clientOf().checkBatch(queries)
    expect(service.requests.map(({ json }) => (json as { checks?: [] }).checks?.length)).toEqual([100, 100, 49])
    answers.forEach((answer, i) => {
      if (i === 9) expect(answer).toEqual({ status: 'unavailable', reason: 'no-subject' })
      else expect(answer).toMatchObject({ decisionId: `p${i}`, status: i === 7 ? 'denied' : 'granted' })
    })
  })

  test('an answer too many or too few answers nothing', async () => {
    for (const count of [0, 1, 3]) {
      service.decisions = () => ({ body: { data: Array.from({ length: count }, () => decision()) } })
      for (const answer of await clientOf().checkBatch([query(), query()])) {
        expect(answer).toEqual({ status: 'unavailable', reason: 'invalid body' })
      }
    }
  })

  test('nothing asked, nothing sent', async () => {
    expect(await clientOf().checkBatch([])).toEqual([])
    expect(service.requests).toHaveLength(0)
  })
})

describe('listing resources', () => {
  test('a page with where it goes on', async () => {
    service.decisions = () => ({
      body: { data: { resources: [{ type: 'account', id: '42' }], next_cursor: 'more', policy_version: 3 } },
    })
    const { resource: _, ...rest } = query()
    expect(await clientOf().listResources({ ...rest, resourceType: 'account', limit: 1 })).toEqual({
      status: 'listed',
      resources: [{ type: 'account', id: '42' }],
      nextCursor: 'more',
      policyVersion: 3,
    })
    expect(service.requests[0]?.path).toMatch(/\/decisions\/list-resources$/)
    expect(service.requests[0]?.json).toMatchObject({ resource_type: 'account', limit: 1, current_aal: 'aal1' })
  })

  test('fails closed', async () => {
    service.decisions = () => ({ body: { data: { resources: [{ type: 'account' }] } } })
    expect(await clientOf().listResources(query())).toEqual({ status: 'unavailable', reason: 'invalid body' })
    expect(await clientOf().listResources(query({ subject: null }))).toEqual({
      status: 'unavailable',
      reason: 'no-subject',
    })
  })
})
