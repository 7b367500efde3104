import { stepUpDemand } from '@countersign/client'
import { AALS, meetsAal } from '@countersign/protocol'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MandateVerifier, metadataUrlOf, type Refusal, type Requirement, RevocationList } from '../src/index.js'
import { ISSUER, METADATA_URL, mint, mintStrong, RESOURCE, verifierOf } from './support/zone.js'

const authorize = async (claims: Record<string, unknown>, requirement?: Requirement, verifier = verifierOf()) =>
  verifier.authorize(`Bearer ${await mint(claims)}`, requirement)

const refusalOf = (outcome: Awaited<ReturnType<typeof authorize>>): Refusal => {
  if (outcome.ok) throw new Error('was let through')
  return outcome.refusal
}

const now = () => Math.floor(Date.now() / 1000)

describe('a mandate for this server', () => {
  test('is let through, with what it says', async () => {
    const act = { sub: 'agent-1', client_id: 'agent-app', sid: 'session-2', act: { sub: 'agent-0' } }
    const outcome = await authorize({
      acr: 'aal2',
      act,
      agent_session_id: 'agent-session-1',
      delegation_edge_id: 'edge-1',
    })
    expect(outcome).toMatchObject({
      ok: true,
      mandate: {
        subject: 'alice',
        clientId: 'bank-app',
        scopes: ['read', 'transfer'],
        aal: 'aal2',
        amr: ['pwd'],
        sessionId: 'session-1',
        rootSessionId: 'session-0',
        agentSessionId: 'agent-session-1',
        delegationEdgeId: 'edge-1',
        actor: {
          subject: 'agent-1',
          clientId: 'agent-app',
          sessionId: 'session-2',
          actsFor: { subject: 'agent-0', sessionId: undefined },
        },
      },
    })
  })

  test('that does not say its level is taken to be of the lowest', async () => {
    for (const acr of [undefined, 'gold', 'AAL2']) {
      expect(await authorize({ acr })).toMatchObject({ ok: true, mandate: { aal: 'aal1' } })
    }
  })
})

describe('everything else is refused', () => {
  const cases: [string, Record<string, unknown>, string][] = [
    ['an expired one', { exp: now() - 10 }, 'invalid_token'],
    ['another issuer’s', { iss: 'https://sts.example/zones/zone-2' }, 'invalid_token'],
    ['one for another resource', { aud: 'https://bank.example/' }, 'invalid_token'],
    ['a session mandate', { use: 'session' }, 'invalid_token'],
    ['one without a use', { use: undefined }, 'invalid_token'],
    ['one bound to a key', { cnf: { jkt: 'thumbprint' } }, 'invalid_token'],
    ['one without an id', { jti: undefined }, 'invalid_token'],
    ['one without a session', { sid: undefined }, 'invalid_token'],
  ]
  test.each(cases)('%s', async (_, claims, code) => {
    expect(refusalOf(await authorize(claims))).toMatchObject({ code, status: 401 })
  })

  test('no token: told where to get one, and not that something was wrong', async () => {
    for (const header of [undefined, null, '']) {
      const refusal = refusalOf(await verifierOf().authorize(header))
      expect(refusal).toMatchObject({ code: 'missing_token', status: 401 })
      expect(refusal.headers['www-authenticate']).toBe(`Bearer resource_metadata="${METADATA_URL}"`)
    }
  })

  test('anything that is not one bearer token', async () => {
    const token = await mint()
    for (const header of [
      `Basic ${token}`,
      `Bearer ${token}, Bearer ${token}`,
      `Bearer ${token} x`,
      'Bearer',
      token,
      `DPoP ${token}`,
    ]) {
      expect(refusalOf(await verifierOf().authorize(header))).toMatchObject({ code: 'invalid_request', status: 400 })
    }
  })

  test('any header at all, without failing and without showing it', async () => {
    const verifier = verifierOf()
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string().map((text) => `Bearer ${text}`),
        ),
        async (header) => {
          const refusal = refusalOf(await verifier.authorize(header))
          expect([400, 401]).toContain(refusal.status)
          const token = header.replace(/^Bearer /, '')
          if (token.length > 12) expect(JSON.stringify(refusal)).not.toContain(token)
        },
      ),
    )
  })

  test('when the keys cannot be had it says to come back', async () => {
    const keys = () => Promise.reject(new Error('down'))
    const refusal = refusalOf(await authorize({}, {}, verifierOf({ keys })))
    expect(refusal).toMatchObject({ code: 'temporarily_unavailable', status: 503, headers: { 'retry-after': '1' } })
  })

  test('a server that does not know itself or its issuer is not made', () => {
    for (const resource of [
      '',
      'transfers',
      'resource://payments#x',
      'https://bank.example/#x',
      'https://u@bank.example/',
    ]) {
      expect(() => new MandateVerifier({ issuer: ISSUER, resource })).toThrow(TypeError)
    }
    expect(() => new MandateVerifier({ issuer: '', resource: RESOURCE })).toThrow(TypeError)
  })
})

describe('requirements', () => {
  const requirement = fc.record(
    {
      scopes: fc.subarray(['read', 'transfer', 'admin']),
      aal: fc.constantFrom(...AALS),
      maxAge: fc.nat(600),
    },
    { requiredKeys: [] },
  )

  test('of any kind are met exactly when every scope is there, the level reaches and the age does not', async () => {
    const at = 1_800_000_000
    const verifier = verifierOf({ now: () => at * 1000, clockTolerance: 0 })
    const claims = fc.record({
      scope: fc.subarray(['read', 'transfer', 'admin', 'readmin']).map((scopes) => scopes.join(' ')),
      acr: fc.option(fc.constantFrom(...AALS, 'aal9'), { nil: undefined }),
      age: fc.option(fc.integer({ min: -5, max: 700 }), { nil: undefined }),
    })
    await fc.assert(
      fc.asyncProperty(claims, requirement, async ({ scope, acr, age }, asked) => {
        const auth_time = age === undefined ? undefined : at - age
        const token = await mint({ scope, acr, auth_time, iat: at, exp: at + 60 })
        const outcome = await verifier.authorize(`Bearer ${token}`, asked)
        const level = AALS.find((known) => known === acr) ?? 'aal1'
        const scopesMet = (asked.scopes ?? []).every((one) => scope.split(' ').includes(one))
        const levelMet = asked.aal === undefined || meetsAal(level, asked.aal)
        const ageMet = asked.maxAge === undefined || (age !== undefined && age >= 0 && age <= asked.maxAge)
        expect(outcome.ok).toBe(scopesMet && levelMet && ageMet)
        if (outcome.ok) return
        expect(outcome.refusal.status).toBe(scopesMet ? 401 : 403)
        expect(outcome.refusal.code).toBe(scopesMet ? 'insufficient_user_authentication' : 'insufficient_scope')
      }),
      { numRuns: 300 },
    )
  })

  test('that are not met by the authentication are told so that the client’s helper reads the same back', async () => {
    const verifier = verifierOf()
    const token = await mint({ acr: 'aal1', auth_time: undefined })
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('aal2' as const, 'aal3' as const),
        fc.option(fc.nat(), { nil: undefined }),
        async (aal, maxAge) => {
          const { status, headers, body } = refusalOf(await verifier.authorize(`Bearer ${token}`, { aal, maxAge }))
          const demand = stepUpDemand({ status, headers: new Headers(headers) })
          expect(demand).toEqual({ acrValues: aal, maxAge, scope: undefined, resourceMetadata: METADATA_URL })
          expect(body).toMatchObject({ error: 'insufficient_user_authentication', acr_values: aal })
        },
      ),
    )
  })

  test('about scope are told in the header', async () => {
    const refusal = refusalOf(await authorize({ scope: 'read' }, { scopes: ['read', 'transfer'] }))
    expect(refusal.headers['www-authenticate']).toContain('error="insufficient_scope"')
    expect(refusal.headers['www-authenticate']).toContain('scope="read transfer"')
  })

  test('that cannot be meant are refused when they are declared', async () => {
    const wrong: Requirement[] = [
      { scopes: ['read transfer'] },
      { scopes: [''] },
      { scopes: ['"'] },
      { aal: 'aal4' as 'aal3' },
      { maxAge: -1 },
      { maxAge: 1.5 },
      { maxAge: Number.NaN },
    ]
    for (const requirement of wrong)
      await expect(verifierOf().authorize('Bearer x', requirement)).rejects.toThrow(TypeError)
  })
})

describe('revocation', () => {
  test('only a plain no lets a mandate pass; a check that fails says to come back', async () => {
    const outcomes = [
      [() => false, 'ok'],
      [() => true, 'invalid_token'],
      [() => undefined as unknown as boolean, 'invalid_token'],
      [() => Promise.reject(new Error('down')), 'temporarily_unavailable'],
    ] as const
    for (const [revocation, expected] of outcomes) {
      const outcome = await authorize({}, {}, verifierOf({ revocation }))
      expect(outcome.ok ? 'ok' : outcome.refusal.code).toBe(expected)
    }
  })

  test('by a feed refuses whatever names what was revoked, and nothing else', async () => {
    const claims = {
      jti: 'm',
      sid: 's',
      root_sid: 'r',
      client_id: 'c',
      sub: 'u',
      agent_session_id: 'a',
      delegation_edge_id: 'e',
    }
    const kinds = {
      mandate: 'm',
      session: 's',
      application: 'c',
      subject: 'u',
      agent_session: 'a',
      delegation_edge: 'e',
    } as const
    for (const [kind, id] of Object.entries(kinds) as [keyof typeof kinds, string][]) {
      const revoked = new RevocationList()
      const verifier = verifierOf({ revocation: revoked.check })
      revoked.add({ kind, id: `${id}2` })
      expect((await authorize(claims, {}, verifier)).ok).toBe(true)
      revoked.add({ kind, id })
      expect(refusalOf(await authorize(claims, {}, verifier)).code).toBe('invalid_token')
    }
    const root = new RevocationList()
    root.add({ kind: 'session', id: 'r' })
    expect((await authorize(claims, {}, verifierOf({ revocation: root.check }))).ok).toBe(false)
  })

  test('by a feed of any actor’s session, application or subject refuses the mandate, however deep in the chain', async () => {
    const act = {
      sub: 'u1',
      client_id: 'c1',
      sid: 's1',
      act: { sub: 'u2', client_id: 'c2', sid: 's2', act: { sub: 'u3' } },
    }
    const named = { session: ['s1', 's2'], application: ['c1', 'c2'], subject: ['u1', 'u2', 'u3'] } as const
    for (const kind of ['session', 'application', 'subject'] as const) {
      for (const id of named[kind]) {
        const revoked = new RevocationList()
        const verifier = verifierOf({ revocation: revoked.check })
        revoked.add({ kind, id: `${id}-other` })
        // What an actor does not name is nobody's.
        revoked.add({ kind, id: 'undefined' })
        expect((await authorize({ act }, {}, verifier)).ok).toBe(true)
        revoked.add({ kind, id })
        expect(refusalOf(await authorize({ act }, {}, verifier)).code).toBe('invalid_token')
      }
    }
  })

  test('by a feed lets through what was issued after it, a session resumed for instance', async () => {
    const revoked = new RevocationList()
    revoked.add({ kind: 'session', id: 'session-1', at: Date.now() - 10_000 })
    const verifier = verifierOf({ revocation: revoked.check })
    expect((await authorize({ iat: now() - 60 }, {}, verifier)).ok).toBe(false)
    // Nor does an issuer's clock that is a little ahead make a mandate from before look newer.
    expect((await authorize({ iat: now() - 6 }, {}, verifier)).ok).toBe(false)
    expect((await authorize({ iat: now() }, {}, verifier)).ok).toBe(true)
  })

  test('by a feed that fell silent is not taken for "nothing was revoked"', async () => {
    let time = Date.now()
    const revoked = new RevocationList({ maxSilenceMs: 30_000, now: () => time })
    const verifier = verifierOf({ revocation: revoked.check })
    time += 30_000
    expect((await authorize({}, {}, verifier)).ok).toBe(true)
    time += 1
    expect(refusalOf(await authorize({}, {}, verifier)).code).toBe('temporarily_unavailable')
    revoked.heard()
    expect((await authorize({}, {}, verifier)).ok).toBe(true)
  })

  test('by a feed forgets what no living mandate can be about', () => {
    let time = 0
    const revoked = new RevocationList({ now: () => time })
    for (let i = 0; i < 10_000; i++) {
      time += 10_000
      revoked.add({ kind: 'session', id: String(i) })
    }
    expect(revoked.size).toBeLessThan(400)
  })
})

test('a resource that is no place on the web is protected all the same, without metadata', async () => {
  const verifier = verifierOf({ resource: 'resource://payments' })
  expect(verifier.metadataUrl).toBeUndefined()
  expect(refusalOf(await verifier.authorize(undefined)).headers['www-authenticate']).toBe('Bearer')
  expect((await verifier.authorize(`Bearer ${await mint({ aud: 'resource://payments' })}`)).ok).toBe(true)
})

test('metadata is where RFC 9728 puts it, and says who issues mandates', async () => {
  expect(metadataUrlOf('https://bank.example')).toBe('https://bank.example/.well-known/oauth-protected-resource')
  expect(metadataUrlOf('https://bank.example:8443/a/b')).toBe(
    'https://bank.example:8443/.well-known/oauth-protected-resource/a/b',
  )
  const verifier = verifierOf({ scopes: ['transfer'], name: 'Bank', documentation: 'https://bank.example/docs' })
  expect(verifier.metadata).toEqual({
    resource: RESOURCE,
    authorization_servers: [ISSUER],
    scopes_supported: ['transfer'],
    bearer_methods_supported: ['header'],
    resource_name: 'Bank',
    resource_documentation: 'https://bank.example/docs',
  })
  expect((await verifier.authorize(`Bearer ${await mintStrong()}`, { aal: 'aal2', maxAge: 60 })).ok).toBe(true)
})
