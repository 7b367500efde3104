import { generateKeyPairSync, type KeyObject, randomBytes, randomUUID } from 'node:crypto'
import { JWT_BEARER } from '@countersign/protocol'
import fc from 'fast-check'
import { SignJWT } from 'jose'
import * as oauth from 'oauth4webapi'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { MandateClaims } from '../../src/mandate/claims.js'
import { bumpRevision } from '../../src/store/zone-change.js'
import { Sweeper } from '../../src/sweep/sweeper.js'
import { type Answer, type MandateService, openMandateService } from './service.js'

const INACTIVE = { active: false }
const PAYMENTS = 'resource://payments'

let service: MandateService
let zoneId: string
let holder: string
let server: string
let stranger: string
let signer: string
let resourceId: string
let sid: string
const secret = randomBytes(32).toString('base64url')
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })

beforeAll(async () => {
  service = await openMandateService()
  zoneId = await service.store.createZone(service.now())
  holder = await service.store.addApplication(zoneId, { secret })
  server = await service.store.addApplication(zoneId, { secret })
  stranger = await service.store.addApplication(zoneId, { secret })
  const jwks = { keys: [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'k' }] }
  signer = await service.store.addApplication(zoneId, { jwks })
  resourceId = await service.addResource(zoneId, {
    identifier: PAYMENTS,
    scopes: ['transfer', 'read'],
    servedBy: server,
  })
})
afterAll(() => service.close())
beforeEach(async () => {
  sid = await service.addSession(zoneId, holder)
  await service.addGrant(zoneId, { applicationId: holder, resourceId, scopes: ['transfer'] })
})

const resourceMandate = (more: Partial<MandateClaims> = {}) =>
  service.mint(zoneId, { client_id: holder, sid, root_sid: sid, aud: PAYMENTS, ...more })
const sessionMandate = (more: Partial<MandateClaims> = {}) =>
  service.mint(zoneId, {
    client_id: holder,
    sid,
    root_sid: sid,
    use: 'session',
    aud: `${service.url}/zones/${zoneId}`,
    scope: '',
    ...more,
  })

const basic = (id: string) => ({ authorization: `Basic ${btoa(`${id}:${secret}`)}` })
const ask = (what: 'introspect' | 'revoke', token: string, as: string): Promise<Answer> =>
  service.post(`/zones/${zoneId}/oauth/2/${what}`, { token }, basic(as))
const introspect = (token: string, as = holder) => ask('introspect', token, as)
const revoke = (token: string, as = holder) => ask('revoke', token, as)
const eventsOf = async (type: string) => (await service.events(zoneId)).filter((event) => event.type === type)

const assertion = (jti: string, key: KeyObject = pair.privateKey) =>
  new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .setIssuer(signer)
    .setSubject(signer)
    .setAudience(`${service.url}/zones/${zoneId}`)
    .setExpirationTime(Math.floor(service.now() / 1000) + 60)
    .setJti(jti)
    .sign(key)

describe('introspection', () => {
  it('tells whoever holds a mandate what it says', async () => {
    for (const { token, claims } of [await resourceMandate(), await sessionMandate()]) {
      const answer = await introspect(token)
      expect(answer).toMatchObject({ status: 200, body: { active: true, token_type: 'Bearer', ...claims } })
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(answer.headers.get('content-type')).toContain('application/json')
    }
  })

  it('tells whoever serves the resource, and nobody else', async () => {
    const forResource = (await resourceMandate()).token
    const forSession = (await sessionMandate()).token
    // Whoever registers the issuer itself as a resource sees no session mandate for it.
    await service.addResource(zoneId, { identifier: `${service.url}/zones/${zoneId}`, scopes: [], servedBy: server })
    expect((await introspect(forResource, server)).body).toMatchObject({ active: true })
    expect((await introspect(forSession, server)).body).toEqual(INACTIVE)
    expect((await introspect(forResource, stranger)).body).toEqual(INACTIVE)
    expect((await introspect(forSession, stranger)).body).toEqual(INACTIVE)
  })

  it('stops at once when the session is suspended, revoked or over', async () => {
    const { token } = await resourceMandate()
    const set = (values: { status?: 'active' | 'suspended' | 'revoked'; expires_at?: Date }) =>
      service.store.db.updateTable('sessions').set(values).where('zone_id', '=', zoneId).where('id', '=', sid).execute()
    expect((await introspect(token)).body).toMatchObject({ active: true })
    for (const status of ['suspended', 'revoked'] as const) {
      await set({ status })
      expect((await introspect(token)).body).toEqual(INACTIVE)
      await set({ status: 'active' })
    }
    await set({ expires_at: new Date(service.now() - 1) })
    expect((await introspect(token)).body).toEqual(INACTIVE)
  })

  it("stops at once when an actor's session ends", async () => {
    const actor = await service.addSession(zoneId, stranger, { kind: 'application' })
    const { token } = await resourceMandate({
      act: { sub: stranger, sub_type: 'application', act: { sub: 'x', sid: actor } },
    })
    expect((await introspect(token)).body).toMatchObject({ active: true })
    await service.store.db.updateTable('sessions').set({ status: 'revoked' }).where('id', '=', actor).execute()
    expect((await introspect(token)).body).toEqual(INACTIVE)
  })

  it('stops at once when the grant, the resource or the application is gone', async () => {
    const client = await service.store.addApplication(zoneId, { secret })
    const own = await service.addGrant(zoneId, { applicationId: client, resourceId, scopes: ['transfer', 'read'] })
    const { token } = await resourceMandate({ client_id: client, scope: 'read transfer' })
    const change = (table: 'grants' | 'applications' | 'resources', id: string, values: object) =>
      service.store.db.transaction().execute(async (tx) => {
        await tx.updateTable(table).set(values).where('zone_id', '=', zoneId).where('id', '=', id).execute()
        const kind = { grants: 'grant', applications: 'application', resources: 'resource' } as const
        await bumpRevision(tx, zoneId, [{ kind: kind[table], id }])
      })
    const isActive = async () => (await introspect(token, server)).body.active
    const gone = { deleted_at: new Date() }
    const back = { deleted_at: null }
    expect(await isActive()).toBe(true)
    for (const [table, id, without, restored] of [
      ['grants', own, gone, back],
      ['grants', own, { scopes: ['read'] }, { scopes: ['transfer', 'read'] }],
      ['grants', own, { expires_at: new Date(service.now() - 1) }, { expires_at: null }],
      [
        'grants',
        own,
        { subject: JSON.stringify({ kind: 'user', issuer: 'https://idp.example', id: 'bob' }) },
        { subject: null },
      ],
      ['grants', own, { label: 'batch' }, { label: null }],
      ['applications', client, gone, back],
      ['resources', resourceId, gone, back],
      ['resources', resourceId, { scopes: ['transfer'] }, { scopes: ['transfer', 'read'] }],
    ] as const) {
      await change(table, id, without)
      expect({ table, without, active: await isActive() }).toEqual({ table, without, active: false })
      await change(table, id, restored)
      expect(await isActive()).toBe(true)
    }
  })

  it('says no more than inactive of what is expired, forged, foreign or nothing at all', async () => {
    const other = await service.store.createZone(service.now())
    const foreign = await service.mint(other, { client_id: holder, sid, root_sid: sid })
    const expired = await resourceMandate({ exp: Math.floor(service.now() / 1000) - 1 })
    const { token } = await resourceMandate()
    const forged = `${token.slice(0, -4)}AAAA`
    for (const odd of [foreign.token, expired.token, forged, 'x', 'a.b.c', `${token}.`, '☃']) {
      expect(await introspect(odd)).toMatchObject({ status: 200, body: INACTIVE })
    }
    const inOtherZone = await service.post(`/zones/${other}/oauth/2/introspect`, { token }, basic(holder))
    expect(inOtherZone).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
  })

  it('of a mandate that is revoked while many ask never says active after the revocation answered', async () => {
    const { token } = await resourceMandate()
    expect((await introspect(token)).body).toMatchObject({ active: true })
    let answered = false
    const asking = Array.from({ length: 100 }, async (_, i) => {
      await new Promise((resolve) => setTimeout(resolve, i))
      const after = answered
      const { active } = (await introspect(token)).body
      if (after) expect(active).toBe(false)
    })
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect((await revoke(token)).status).toBe(200)
    answered = true
    await Promise.all(asking)
    expect((await introspect(token)).body).toEqual(INACTIVE)
  })
})

describe('revocation', () => {
  it('of a mandate for a resource ends that one alone, with one event', async () => {
    const one = await resourceMandate()
    const two = await resourceMandate()
    const answers = await Promise.all(Array.from({ length: 5 }, () => revoke(one.token)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    expect((await introspect(one.token)).body).toEqual(INACTIVE)
    expect((await introspect(two.token)).body).toMatchObject({ active: true })
    const events = (await eventsOf('mandate.revoked')).filter((event) => event.jti === one.claims.jti)
    expect(events).toMatchObject([
      { outcome: 'recorded', actor: `application:${holder}`, session_id: sid, issued_by: one.claims.txn },
    ])
  })

  it('of a session mandate ends its session, and with it everything that stands on it', async () => {
    const session = await sessionMandate()
    const onIt = await resourceMandate()
    expect((await revoke(session.token)).status).toBe(200)
    expect((await introspect(session.token)).body).toEqual(INACTIVE)
    expect((await introspect(onIt.token)).body).toEqual(INACTIVE)
    const row = await service.store.db
      .selectFrom('sessions')
      .select(['status', 'version'])
      .where('zone_id', '=', zoneId)
      .where('id', '=', sid)
      .executeTakeFirstOrThrow()
    expect(row).toEqual({ status: 'revoked', version: 2 })
    expect((await revoke(session.token)).status).toBe(200)
    const events = (await eventsOf('session.revoked')).filter((event) => event.session_id === sid)
    expect(events).toHaveLength(1)
  })

  it('is for whoever holds the mandate: others are told, and nothing happens', async () => {
    const { token } = await resourceMandate()
    for (const other of [server, stranger]) {
      expect(await revoke(token, other)).toMatchObject({ status: 400, body: { error: 'unauthorized_client' } })
    }
    expect((await introspect(token)).body).toMatchObject({ active: true })
  })

  it('of what is no mandate, or none any more, succeeds without doing anything', async () => {
    const expired = await sessionMandate({ exp: Math.floor(service.now() / 1000) - 1 })
    const before = (await service.events(zoneId)).length
    for (const odd of ['x', 'a.b.c', expired.token]) expect((await revoke(odd)).status).toBe(200)
    expect((await service.events(zoneId)).length).toBe(before)
  })

  it('is forgotten when the mandate would have expired anyway', async () => {
    const { token, claims } = await resourceMandate({ exp: Math.floor(service.now() / 1000) + 5 })
    await revoke(token)
    await service.advance(6000)
    await new Sweeper({ db: service.store.db, log: pino({ level: 'silent' }) }).sweep()
    const rows = await service.store.db
      .selectFrom('revoked_mandates')
      .select('jti')
      .where('jti', '=', claims.jti)
      .execute()
    expect(rows).toEqual([])
  })
})

describe('the caller', () => {
  it('may be named by zone in the form or in the path, not by two', async () => {
    const { token } = await resourceMandate()
    const inForm = await service.post('/oauth/2/introspect', { token, zone_id: zoneId }, basic(holder))
    expect(inForm.body).toMatchObject({ active: true })
    const path = `/zones/${zoneId}/oauth/2/introspect`
    expect((await service.post(path, { token, zone_id: zoneId }, basic(holder))).status).toBe(200)
    for (const [where, form] of [
      [path, { token, zone_id: randomUUID() }],
      ['/oauth/2/introspect', { token }],
      ['/oauth/2/introspect', { token, zone_id: randomUUID() }],
      ['/zones/x/oauth/2/introspect', { token }],
      [path, {}],
      [path, { token: 'x'.repeat(8193) }],
      [path, { token, client_id: holder, application_id: stranger }],
    ] as const) {
      const answer = await service.post(where, form as Record<string, string>, basic(holder))
      expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request', requestId: expect.any(String) } })
    }
  })

  it('without the right credentials is turned away with a challenge, and told to the ledger', async () => {
    const { token } = await resourceMandate()
    const path = `/zones/${zoneId}/oauth/2/introspect`
    service.strangers.length = 0
    for (const [form, headers] of [
      [{ token }, {}],
      [{ token }, { authorization: `Basic ${btoa(`${holder}:wrong`)}` }],
      [{ token, client_id: holder, client_secret: 'wrong' }, {}],
    ] as const) {
      const answer = await service.post(path, form as Record<string, string>, headers as Record<string, string>)
      expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
      expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /)
    }
    expect(service.strangers.map(({ reason }) => reason)).toEqual(['no_credentials', 'wrong_secret', 'wrong_secret'])
  })

  it('uses each assertion once, wherever it is used', async () => {
    const { token } = await resourceMandate({ client_id: signer })
    const form = { token, client_assertion_type: JWT_BEARER, client_assertion: await assertion(randomUUID()) }
    const answers = await Promise.all(
      ['introspect', 'revoke', 'introspect', 'revoke'].map((what) =>
        service.post(`/zones/${zoneId}/oauth/2/${what}`, form),
      ),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401])
    const refused = answers.find(({ status }) => status === 401)
    expect(refused?.body.error_description).toContain('used before')
  })

  it('that is not who it says does not use up an assertion', async () => {
    const jti = randomUUID()
    const { token } = await resourceMandate()
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    const send = async (key: KeyObject) =>
      service.post(`/zones/${zoneId}/oauth/2/introspect`, {
        token,
        client_assertion_type: JWT_BEARER,
        client_assertion: await assertion(jti, key),
      })
    expect((await send(other)).status).toBe(401)
    expect((await send(pair.privateKey)).status).toBe(200)
  })

  it('may be oauth4webapi, unmodified', async () => {
    const issuer = new URL(`${service.url}/zones/${zoneId}`)
    const insecure = { [oauth.allowInsecureRequests]: true }
    const discovered = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure })
    const as = await oauth.processDiscoveryResponse(issuer, discovered)
    const key = await crypto.subtle.importKey(
      'pkcs8',
      pair.privateKey.export({ format: 'der', type: 'pkcs8' }),
      { name: 'ECDSA', namedCurve: 'P-256' },
      false,
      ['sign'],
    )
    const { token } = await resourceMandate()
    const asHolder: [oauth.Client, oauth.ClientAuth][] = [
      [{ client_id: holder }, oauth.ClientSecretBasic(secret)],
      [{ client_id: holder }, oauth.ClientSecretPost(secret)],
    ]
    for (const [client, auth] of asHolder) {
      const response = await oauth.introspectionRequest(as, client, auth, token, insecure)
      expect(await oauth.processIntrospectionResponse(as, client, response)).toMatchObject({
        active: true,
        scope: 'transfer',
      })
    }
    const client = { client_id: signer }
    // The tests before this one moved the service's time ahead.
    const skewed = { ...client, [oauth.clockSkew]: Math.round((service.now() - Date.now()) / 1000) }
    const response = await oauth.introspectionRequest(
      as,
      skewed,
      oauth.PrivateKeyJwt({ key, kid: 'k' }),
      token,
      insecure,
    )
    expect(await oauth.processIntrospectionResponse(as, client, response)).toEqual(INACTIVE)
    const revoked = await oauth.revocationRequest(
      as,
      { client_id: holder },
      oauth.ClientSecretBasic(secret),
      token,
      insecure,
    )
    expect(await oauth.processRevocationResponse(revoked)).toBeUndefined()
  })
})

describe('whatever is sent', () => {
  const send = (body: string, headers: Record<string, string> = {}, path = `/zones/${zoneId}/oauth/2/introspect`) =>
    fetch(service.url + path, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...basic(holder), ...headers },
    })

  it('is answered by name when it is not a form', async () => {
    const cases: [number, string, Record<string, string>?, string?][] = [
      [415, '{}', { 'content-type': 'application/json' }],
      [415, 'token=x', { 'content-type': 'text/plain' }],
      [415, 'token=x', { 'content-type': 'application/x-www-form-urlencoded; charset=utf-16' }],
      [415, 'token=x', { 'content-encoding': 'gzip' }],
      [413, `token=${'x'.repeat(70_000)}`],
      [400, 'token=a&token=b'],
      [400, 'token=%'],
      [400, 'token=%ff'],
      [400, 'token=%00'],
      [400, ''],
      [400, 'token=x', {}, `/zones/${zoneId}/oauth/2/introspect?token=x`],
      [400, 'token=x', { authorization: 'Bearer abc' }],
    ]
    for (const [status, body, headers, path] of cases) {
      const response = await send(body, headers, path)
      expect({ body: body.slice(0, 20), headers, status: response.status }).toEqual({
        body: body.slice(0, 20),
        headers,
        status,
      })
      expect(await response.json()).toMatchObject({ error: 'invalid_request', requestId: expect.any(String) })
      expect(response.headers.get('cache-control')).toBe('no-store')
    }
  })

  it('is never a 5xx, always an OAuth error or an answer, and never echoes a secret', async () => {
    const { token } = await resourceMandate()
    const name = fc.oneof(
      fc.constantFrom('token', 'zone_id', 'client_id', 'client_secret', 'client_assertion', 'client_assertion_type'),
      fc.string(),
      fc.constant(secret),
    )
    const value = fc.oneof(
      fc.constantFrom(secret, token, zoneId, holder, JWT_BEARER),
      fc.string({ unit: 'binary' }),
      fc.string().map((text) => `%${text}`),
    )
    const pair = fc
      .tuple(name, value, fc.boolean())
      .map(([key, text, encoded]) =>
        encoded ? new URLSearchParams([[key, text.replace(/\p{Surrogate}/gu, '')]]).toString() : `${key}=${text}`,
      )
    await fc.assert(
      fc.asyncProperty(
        fc.array(pair, { maxLength: 5 }),
        fc.constantFrom('introspect', 'revoke'),
        async (pairs, what) => {
          const response = await send(pairs.join('&'), {}, `/zones/${zoneId}/oauth/2/${what}`)
          expect(response.status).toBeLessThan(500)
          const text = await response.text()
          expect(text).not.toContain(secret)
          expect(text).not.toContain(token)
          if (response.status !== 200)
            expect(JSON.parse(text)).toMatchObject({ error: expect.stringMatching(/^[a-z_]+$/) })
        },
      ),
      { numRuns: 300 },
    )
  })
})
