import { createPrivateKey, randomBytes, randomUUID } from 'node:crypto'
import { JWT_BEARER } from '@countersign/protocol'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSealer } from '../../src/store/seal.js'
import { listen } from '../challenge/support.js'
import { asUser } from '../promises/issuer.js'
import { MFA, proverToken, query } from '../promises/support.js'
import { type TestService, testService } from '../support/service.js'
import { type Answer, admin, adminOk, createWorld, type Form, postForm, type World } from '../support/world.js'
import { type Leak, Vault } from './vault.js'

const vault = new Vault()
/** Everything that was answered, with what was known to be secret before it was. */
const leaksInAnswers: Leak[] = []
const webhooks: string[] = []

let service: TestService
let world: World
let base: string
let receiver: Awaited<ReturnType<typeof listen>>

// A secret is shown once, by the answer that makes it. What was a secret before an answer must not be in it.
const plainFetch = globalThis.fetch
globalThis.fetch = async (input, init) => {
  const answer = await plainFetch(input, init)
  const text = await answer.clone().text()
  const headers = [...answer.headers].map((pair) => pair.join(': ')).join('\n')
  const place = `${init?.method ?? 'GET'} ${String(input).replace(/^http:\/\/[^/]+/, '')} → ${answer.status}`
  leaksInAnswers.push(...vault.search(place, `${headers}\n${text}`))
  return answer
}

beforeAll(async () => {
  receiver = await listen((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      webhooks.push(`${JSON.stringify(request.headers)}\n${Buffer.concat(pieces)}`)
      response.end('thanks')
    })
  })
  service = await testService()
  vault.add('bootstrap token', service.adminToken)
  vault.add('key-encryption key', service.config.kek)
  world = await createWorld(service)
  vault.add('client secret', world.application.secret)
  base = `/v1/zones/${world.zoneId}`
})
afterAll(async () => {
  globalThis.fetch = plainFetch
  receiver.server.closeAllConnections()
  receiver.server.close()
  await service.close()
})

function keep(name: string, answer: Answer, member: string): string {
  const value = answer.body[member]
  vault.add(name, value)
  // Of a token the signature alone is what makes it worth stealing.
  const signature = String(value).split('.')[2]
  if (signature !== undefined) vault.add(`${name}'s signature`, signature)
  return String(value)
}

async function mandate(form: Form, headers: Record<string, string> = {}): Promise<string> {
  const answer = await world.exchange(form, { headers })
  expect(answer).toMatchObject({ status: 200 })
  return keep('mandate', answer, 'access_token')
}

async function pause(form: Form): Promise<{ challenge_id: string; challenge_response: string }> {
  const answer = await world.exchange(form)
  expect(answer).toMatchObject({ status: 401, body: { error: 'interaction_required' } })
  return {
    challenge_id: String(answer.body.challenge_id),
    challenge_response: keep('challenge secret', answer, 'challenge_secret'),
  }
}

async function newToken(name: string, make: Promise<string>): Promise<string> {
  const token = await make
  vault.add(name, token)
  return token
}

function idempotencyKey(): { readonly 'idempotency-key': string } {
  const key = `key-${randomBytes(18).toString('base64url')}`
  vault.add('idempotency key', key)
  return { 'idempotency-key': key }
}

const basic = () => {
  const { id, secret } = world.application
  const credentials = Buffer.from(`${id}:${secret}`).toString('base64')
  return `Basic ${credentials}`
}

/** Asks something else than a form or the administration. */
async function send(method: string, path: string, authorization: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${service.url}${path}`, {
    method,
    headers: { authorization, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
}

test('a run through everything that handles secrets', async () => {
  // Two webhook secrets: one that the service made, then one that it was given.
  const url = `${receiver.url}/hook?token=receiver`
  const made = await adminOk(service, 'PATCH', `${base}/settings`, { webhook: { url } })
  vault.add('webhook secret', (made.webhook as { secret: string }).secret)
  const given = `whsec_${randomBytes(32).toString('base64')}`
  vault.add('webhook secret', given)
  await adminOk(service, 'PATCH', `${base}/settings`, { webhook: { url, secret: given } })

  const prover = await newToken('admin token', proverToken(world))
  const approver = await newToken('admin token', world.token(['approve', 'read']))

  // A user, and a session and a mandate for them, by way of the pause.
  const alice = await asUser(world, { sub: 'alice' })
  vault.add('subject token', alice.subject_token)
  const session = await mandate({ ...alice, resource: undefined, scope: undefined })
  const asSession = { subject_token: session, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' }
  const retry = await pause(asSession)
  await world.exchange({ ...asSession, ...retry })
  await world.exchange({ ...asSession, ...retry, challenge_response: `wrong-${randomUUID()}` })
  const wait = `/zones/${world.zoneId}/oauth/2/challenges/${retry.challenge_id}`
  expect(await send('GET', wait, `Bearer ${retry.challenge_response}`)).toMatchObject({ status: 200 })
  const proof = { ...MFA, subject: { kind: 'user', issuer: 'https://idp.test', id: 'alice' } }
  expect(await world.satisfy(retry.challenge_id, prover, proof)).toMatchObject({ status: 200 })
  const key = idempotencyKey()
  const granted = await mandate({ ...asSession, ...retry }, key)
  await mandate({ ...asSession, ...retry }, key)
  expect(await world.exchange({ ...asSession, ...retry })).toMatchObject({ status: 401 })

  // What is rejected, and what is cancelled.
  const rejected = await pause({ scope: 'read' })
  const at = `${base}/step-up-challenges/${rejected.challenge_id}/reject`
  await adminOk(service, 'POST', at, { reason: 'not today' }, { token: approver }).catch(() =>
    adminOk(service, 'POST', at, { reason: 'not today' }, { token: prover }),
  )
  expect(await world.exchange({ scope: 'read', ...rejected })).toMatchObject({ status: 403 })
  const cancelled = await pause({ scope: 'read transfer' })
  const waitFor = (id: string) => `/zones/${world.zoneId}/oauth/2/challenges/${id}`
  await send('DELETE', waitFor(cancelled.challenge_id), `Bearer ${cancelled.challenge_response}`)

  // An application with a key of its own.
  const keys = await generateKeyPair('ES256', { extractable: true })
  const { d = '', ...jwk } = await exportJWK(keys.privateKey)
  vault.add("application's private key", Buffer.from(d, 'base64url'))
  const signer = await adminOk(
    service,
    'POST',
    `${base}/applications`,
    { name: 'signer', auth_method: 'private_key_jwt', jwks: { keys: [{ ...jwk, kid: 'a', alg: 'ES256' }] } },
    { headers: idempotencyKey() },
  )
  const assertion = await new SignJWT({ jti: randomUUID() })
    .setProtectedHeader({ alg: 'ES256', kid: 'a' })
    .setIssuer(String(signer.id))
    .setSubject(String(signer.id))
    .setAudience(`http://countersign.test/zones/${world.zoneId}`)
    .setIssuedAt()
    .setExpirationTime('2m')
    .sign(keys.privateKey)
  vault.add('client assertion', assertion)
  const signed = {
    client_id: String(signer.id),
    client_secret: undefined,
    client_assertion: assertion,
    client_assertion_type: JWT_BEARER,
  }
  await mandate({ ...signed, resource: undefined, scope: undefined })
  expect(await world.exchange({ ...signed, resource: undefined, scope: undefined })).toMatchObject({ status: 401 })

  // Introspection, decisions, rotation, revocation.
  const zone = `${service.url}/zones/${world.zoneId}`
  await postForm(`${zone}/oauth/2/introspect`, { token: granted }, { authorization: basic() })
  const question = {
    subject: { type: 'User', id: 'alice', issuer: 'https://idp.test' },
    permission: 'transfer',
    resource: 'resource://payments',
    action: { name: 'transfer' },
  }
  for (const authorization of [basic(), `Bearer ${session}`, `Bearer ${granted}`, 'Bearer nothing']) {
    await send('POST', `${base}/decisions/check`, authorization, question)
    await send('POST', `${base}/decisions/check-batch`, authorization, { checks: [question] })
    await send('POST', `/zones/${world.zoneId}/access/v1/evaluation`, authorization, {
      ...question,
      resource: { type: 'Resource', id: 'resource://payments' },
    })
  }
  await adminOk(service, 'POST', `${base}/keys/rotate`, {})
  const created = await admin(
    service,
    'POST',
    `${base}/applications`,
    { name: 'b', auth_method: 'client_secret' },
    { headers: idempotencyKey() },
  )
  const second = keep('client secret', created, 'client_secret')
  const rotated = await admin(
    service,
    'POST',
    `${base}/applications/${created.body.id}/rotate-secret`,
    {},
    { headers: idempotencyKey() },
  )
  keep('client secret', rotated, 'client_secret')
  const held = await admin(
    service,
    'POST',
    '/v1/admin-tokens',
    { name: 'held', zone_id: world.zoneId, capabilities: ['read'] },
    { headers: idempotencyKey() },
  )
  const heldToken = keep('admin token', held, 'token')
  await admin(service, 'DELETE', `/v1/admin-tokens/${held.body.id}`)
  expect(await admin(service, 'GET', base, undefined, { token: heldToken })).toMatchObject({ status: 401 })
  await postForm(`${zone}/oauth/2/revoke`, { token: granted }, { authorization: basic() })
  await postForm(`${zone}/oauth/2/revoke`, { token: session }, { authorization: basic() })
  expect(await world.exchange(asSession)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })

  await putSecretsInWrongPlaces([
    world.application.secret,
    second,
    session,
    alice.subject_token,
    service.adminToken,
    retry.challenge_response,
  ])
  await breakTheDatabase()
  for (let tries = 0; webhooks.length < 3 && tries < 200; tries++)
    await new Promise((resolve) => setTimeout(resolve, 50))
  expect(webhooks.length).toBeGreaterThanOrEqual(3)

  const sealer = createSealer(service.config.kek)
  for (const { id, private_sealed: sealed } of await query<{ id: string; private_sealed: Buffer }>(
    service,
    'SELECT id, private_sealed FROM signing_keys WHERE zone_id = $1',
    [world.zoneId],
  )) {
    const der = sealer.open(sealed, `signing_keys:${world.zoneId}:${id}`)
    const jwk = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' })
    vault.add("zone's private key", Buffer.from(String(jwk.d), 'base64url'))
  }
})

/** What people do by mistake: every secret in every field, in paths, queries and headers. */
async function putSecretsInWrongPlaces(secrets: readonly string[]): Promise<void> {
  const fields = [
    'grant_type',
    'zone_id',
    'client_id',
    'scope',
    'resource',
    'session_id',
    'challenge_id',
    'actor_token',
    'requested_token_type',
    'max_age',
    'ttl_seconds',
  ]
  for (const secret of secrets) {
    for (const field of fields) await world.exchange({ [field]: secret })
    await world.exchange({ subject_token: secret, subject_token_type: secret })
    await world.exchange({ client_secret: secret, [secret]: 'a' })
    await world.exchange({ client_secret: `${secret}x` })
    await postForm(`${service.url}/oauth/2/token?client_secret=${encodeURIComponent(secret)}`, {})
    for (const path of [
      `/${secret}`,
      `/v1/zones/${secret}`,
      `${base}/applications/${secret}`,
      `${base}/applications?cursor=${secret}&limit=${secret}`,
      `${base}/sessions?kind=${secret}`,
      `/.well-known/jwks.json?zone_id=${secret}`,
      `/zones/${world.zoneId}/oauth/2/challenges/${secret}?wait=${secret}`,
    ]) {
      for (const authorization of [`Bearer ${service.adminToken}`, `Bearer ${secret}x`, `Basic ${secret}`, secret])
        await send('GET', path, authorization)
    }
    for (const body of [
      { [secret]: 1 },
      { name: [secret] },
      { slug: secret },
      secret,
      [secret],
      { name: 'a', auth_method: secret },
    ]) {
      for (const path of ['/v1/zones', `${base}/applications`, `${base}/grants`])
        await admin(service, 'POST', path, body)
    }
    await send('POST', `${base}/decisions/check`, basic(), { subject: secret, permission: { a: secret } })
    await fetch(`${service.url}${base}`, {
      headers: {
        authorization: `Bearer ${service.adminToken}`,
        'if-match': secret,
        cookie: secret,
        origin: secret,
        traceparent: secret,
      },
    })
    await fetch(`${service.url}/v1/zones`, {
      method: 'POST',
      headers: { authorization: `Bearer ${service.adminToken}`, 'content-type': 'application/json' },
      body: `{"slug": "${secret}`,
    })
  }
}

/** PostgreSQL repeats the row that it refused in its error; so does whoever logs the error. */
async function breakTheDatabase(): Promise<void> {
  const tables = ['application_secrets', 'challenge_secrets', 'admin_tokens', 'audit_events', 'recoveries']
  for (const table of tables) {
    await query(service, `ALTER TABLE ${table} ADD CONSTRAINT broken CHECK (false) NOT VALID`)
    const statuses = [
      await admin(service, 'POST', `${base}/applications`, { name: 'c', auth_method: 'client_secret' }),
      await admin(service, 'POST', '/v1/admin-tokens', { name: 'd', capabilities: ['read'] }),
      await world.exchange({ resource: undefined, scope: undefined }, { headers: idempotencyKey() }),
      await world.exchange({ scope: 'read' }),
    ].map(({ status, body }) => {
      // One that was not refused shows a secret of its own.
      for (const name of ['client_secret', 'token', 'access_token', 'challenge_secret'])
        if (typeof body[name] === 'string') vault.add(name, body[name])
      return status
    })
    expect(
      statuses.some((status) => status >= 500),
      `${table}: ${statuses}`,
    ).toBe(true)
    await query(service, `ALTER TABLE ${table} DROP CONSTRAINT broken`)
  }
}

test('no answer repeats a secret that was made before it', () => {
  expect(vault.size).toBeGreaterThan(40)
  expect(leaksInAnswers).toEqual([])
})

test('no log line holds a secret', () => {
  expect(service.logged.length).toBeGreaterThan(400)
  expect(service.logged.flatMap((line) => vault.search(line.slice(0, 300), line))).toEqual([])
})

test('no webhook holds a secret', () => {
  expect(webhooks.flatMap((body) => vault.search(body.slice(0, 300), body))).toEqual([])
})

test('no table of the database holds a secret in the clear: events, openings, answers and all', async () => {
  const tables = await query<{ name: string }>(
    service,
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'countersign'",
  )
  expect(tables.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['audit_events', 'admin_answers', 'recoveries']),
  )
  const leaks: Leak[] = []
  for (const { name } of tables) {
    for (const { row } of await query<{ row: string }>(service, `SELECT t::text AS row FROM "${name}" t`)) {
      leaks.push(...vault.search(`${name}: ${row.slice(0, 200)}`, row))
    }
  }
  expect(leaks).toEqual([])
})

test('no metric, document or page that anybody can read holds a secret', async () => {
  for (const path of [
    '/metrics',
    '/readyz',
    '/healthz',
    '/openapi.json',
    `/zones/${world.zoneId}/.well-known/jwks.json`,
  ]) {
    expect(vault.search(path, await (await plainFetch(`${service.url}${path}`)).text())).toEqual([])
  }
})
