import { createHmac, randomUUID } from 'node:crypto'
import { JWT_BEARER, TOKEN_EXCHANGE } from '@countersign/protocol'
import fc from 'fast-check'
import { exportJWK, exportSPKI, FlattenedSign, generateKeyPair } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ID_TOKEN } from '../promises/issuer.js'
import { type TestService, testService } from '../support/service.js'
import { adminOk, createWorld, type Form, OWNER, PAYMENTS, type World } from '../support/world.js'
import { json, text } from './arbitrary.js'
import { broken, fire, MARK, type Shot } from './shot.js'

const AT_ONCE = 12
const ISSUER = 'https://idp.test'
const AUDIENCE = 'https://app.test'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const KINDS = ['session mandate', 'id token', 'assertion'] as const

let service: TestService
let world: World
let signer: string
let keys: Awaited<ReturnType<typeof generateKeyPair>>
let publicPem: string
/** Tokens that would be accepted, to be changed. */
let good: Readonly<Record<(typeof KINDS)[number], string>>

beforeAll(async () => {
  service = await testService()
  world = await createWorld(service)
  keys = await generateKeyPair('ES256', { extractable: true })
  publicPem = await exportSPKI(keys.publicKey)
  const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }] }
  const base = `/v1/zones/${world.zoneId}`
  await adminOk(service, 'POST', `${base}/subject-issuers`, {
    issuer: ISSUER,
    audience: AUDIENCE,
    jwks,
    aal: { acr: { high: 'aal2' }, amr: { hwk: 'aal3' } },
  })
  const application = { name: 'signer', auth_method: 'private_key_jwt', owner: OWNER, jwks }
  signer = String((await adminOk(service, 'POST', `${base}/applications`, application)).id)
  const { body } = await world.exchange({ resource: undefined, scope: undefined })
  good = {
    'session mandate': String(body.access_token),
    'id token': await sign(idClaims()),
    assertion: await sign(assertionClaims()),
  }
})
afterAll(() => service.close())

const seconds = () => Math.floor(Date.now() / 1000)

function idClaims(): Record<string, unknown> {
  const [iat, jti] = [seconds(), randomUUID()]
  return {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'alice',
    iat,
    exp: iat + 600,
    auth_time: iat,
    jti,
    acr: 'high',
    amr: ['pwd'],
  }
}

function assertionClaims(): Record<string, unknown> {
  const [iat, jti] = [seconds(), randomUUID()]
  return { iss: signer, sub: signer, aud: `http://countersign.test/zones/${world.zoneId}`, iat, exp: iat + 120, jti }
}

async function sign(claims: object, header: object = {}): Promise<string> {
  return signRaw(JSON.stringify(claims), header)
}

/** Signs any bytes as a payload: no library makes sense of what is in them. */
async function signRaw(payload: string, header: object = {}): Promise<string> {
  const jws = await new FlattenedSign(new TextEncoder().encode(payload))
    .setProtectedHeader({ kid: 'k', ...header, alg: 'ES256' })
    .sign(keys.privateKey)
  return `${jws.protected}.${jws.payload}.${jws.signature}`
}

/** Where a token goes: as the subject, the actor, the client's assertion, or what is asked about. */
const place = fc.constantFrom('subject', 'session subject', 'actor', 'assertion', 'introspect', 'revoke', 'decision')

function shotOf(at: string, token: string): Shot {
  if (at === 'decision') {
    const question = { subject: { type: 'User', id: 'alice' }, permission: 'read' }
    return {
      method: 'POST',
      path: `/v1/zones/${world.zoneId}/decisions/check`,
      headers: { authorization: `Bearer ${token.replace(/[^ -~]/g, '~')}`, 'content-type': 'application/json' },
      body: JSON.stringify(question),
    }
  }
  const own = { client_id: world.application.id, client_secret: world.application.secret }
  const target = { resource: PAYMENTS, scope: 'transfer' }
  const exchange = { grant_type: TOKEN_EXCHANGE, zone_id: world.zoneId }
  const forms: Record<string, Form> = {
    subject: { ...exchange, ...own, ...target, subject_token: token, subject_token_type: ID_TOKEN },
    'session subject': { ...exchange, ...own, ...target, subject_token: token, subject_token_type: ACCESS_TOKEN },
    actor: {
      ...exchange,
      ...own,
      ...target,
      subject_token: good['session mandate'],
      subject_token_type: JWT,
      actor_token: token,
      actor_token_type: JWT,
    },
    assertion: { ...exchange, client_id: signer, client_assertion: token, client_assertion_type: JWT_BEARER },
    introspect: { zone_id: world.zoneId, ...own, token },
    revoke: { zone_id: world.zoneId, ...own, token },
  }
  return {
    method: 'POST',
    path: `/oauth/2/${at === 'introspect' || at === 'revoke' ? at : 'token'}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(forms[at] as Record<string, string>).toString(),
  }
}

const base64url = (value: string | Uint8Array) => Buffer.from(value).toString('base64url')

/** What can be done to a token by one who has not the key. */
const forgery: fc.Arbitrary<(token: string) => string> = fc.oneof(
  // Any one character, or a few.
  fc.tuple(fc.nat(), fc.integer({ min: 33, max: 126 })).map(([at, code]) => (token: string) => {
    const i = at % token.length
    return `${token.slice(0, i)}${String.fromCharCode(code)}${token.slice(i + 1)}`
  }),
  fc.nat().map((at) => (token: string) => token.slice(0, at % token.length)),
  fc.constantFrom('.', '=', ' ', '..', '.e30', '\n', 'A').map((more) => (token: string) => token + more),
  // Another header over the same payload and signature.
  fc
    .dictionary(fc.constantFrom('alg', 'typ', 'kid', 'jku', 'jwk', 'x5u', 'crit', 'b64', 'zip', 'cty'), json)
    .map((change) => (token: string) => {
      const [header = '', payload, signature] = token.split('.')
      const changed = { ...JSON.parse(Buffer.from(header, 'base64url').toString()), ...change }
      return [base64url(JSON.stringify(changed)), payload, signature].join('.')
    }),
  // No signature at all, and a signature with what everybody knows.
  fc
    .constantFrom('none', 'None', 'NONE', '')
    .map((alg) => (token: string) => [base64url(JSON.stringify({ alg })), token.split('.')[1], ''].join('.')),
  fc.constantFrom('HS256', 'HS512').map((alg) => (token: string) => {
    const signed = `${base64url(JSON.stringify({ alg, kid: 'k' }))}.${token.split('.')[1]}`
    return `${signed}.${createHmac(alg === 'HS256' ? 'sha256' : 'sha512', publicPem)
      .update(signed)
      .digest('base64url')}`
  }),
  // Another payload under the same signature.
  fc
    .dictionary(fc.constantFrom('sub', 'exp', 'aud', 'iss', 'sid', 'client_id', 'use', 'zone_id'), json, { minKeys: 1 })
    .map((change) => (token: string) => {
      const [header, payload = '', signature] = token.split('.')
      const changed = { ...JSON.parse(Buffer.from(payload, 'base64url').toString()), ...change, n: randomUUID() }
      return [header, base64url(JSON.stringify(changed)), signature].join('.')
    }),
  // No token.
  text.map((value) => () => value),
  fc.uint8Array({ maxLength: 90 }).map((bytes) => () => `${base64url(bytes)}.${base64url(bytes)}.${base64url(bytes)}`),
  fc.constantFrom('.', '..', 'a.b.c', 'e30.e30.', `${'a.'.repeat(3000)}`, 'x'.repeat(8193)).map((value) => () => value),
)

test('a token that anybody but its issuer made or changed gets nothing, and words', async () => {
  const forged = fc.tuple(place, fc.constantFrom(...KINDS), forgery)
  await fc.assert(
    fc.asyncProperty(fc.array(forged, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (cases) => {
      const tokens = cases.map(([at, kind, forge]) => ({ at, original: good[kind], token: forge(good[kind]) }))
      const changed = tokens.filter(({ token, original }) => token !== original && token !== '')
      const shots = changed.map(({ at, token }) => shotOf(at, token))
      expect(await broken(service, shots, [...Object.values(good), MARK])).toEqual([])
      for (const shot of shots) {
        const { status, text: answer } = await fire(service, shot)
        // What introspection and revocation know nothing of is no error, and is nothing.
        const nothing = answer === '' || answer === '{"active":false}'
        expect(status >= 400 || nothing, `${JSON.stringify(shot)} ${answer}`).toBe(true)
      }
    }),
    { numRuns: 120 },
  )
})

const claimChange = fc.dictionary(
  fc.constantFrom(
    ...[
      'iss',
      'sub',
      'aud',
      'exp',
      'nbf',
      'iat',
      'jti',
      'sid',
      'acr',
      'amr',
      'auth_time',
      'azp',
      'nonce',
      'cnf',
      'act',
    ],
    ...['__proto__', 'client_id', 'zone_id', 'use', 'groups', 'email', 'txn'],
  ),
  fc.oneof(
    json,
    fc.constantFrom<unknown>(0, -1, 1e15, 1e300, seconds() + 1e9, [ISSUER], [AUDIENCE, 'b'], ['hwk', 3], 'high', {}),
    fc.integer({ min: -600, max: 600 }).map((offset) => seconds() + offset),
    fc.string({ minLength: 300, maxLength: 2000 }),
  ),
  { minKeys: 1, maxKeys: 3 },
)

test('whatever an issuer or an application signs, however odd, is answered in words', async () => {
  const signed = fc.record({
    at: place,
    kind: fc.constantFrom('id token', 'assertion'),
    change: claimChange,
    header: fc.dictionary(
      fc.constantFrom('typ', 'kid', 'cty', 'jku'),
      fc.oneof(text, fc.constantFrom('JWT', 'at+jwt', 'k')),
    ),
    raw: fc.option(fc.oneof(fc.json(), fc.constantFrom('', '[]', 'null', '{"exp":1e999}', `${'['.repeat(2000)}`)), {
      freq: 12,
    }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(signed, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (cases) => {
      const tokens = await Promise.all(
        cases.map(({ kind, change, header, raw }) => {
          if (raw !== null) return signRaw(raw, header)
          const claims = kind === 'id token' ? idClaims() : assertionClaims()
          // As JSON has it, `__proto__` is a claim like any other.
          return sign(Object.assign(Object.create(null), claims, change), header)
        }),
      )
      const shots = cases.map(({ at, kind }, i) =>
        shotOf(kind === 'assertion' && i % 2 === 0 ? 'assertion' : at, tokens[i] ?? ''),
      )
      expect(await broken(service, shots, tokens)).toEqual([])
    }),
    { numRuns: 120 },
  )
})

test('and the good ones are still good', async () => {
  for (const at of ['subject', 'assertion'] as const) {
    const token = await sign(at === 'subject' ? idClaims() : assertionClaims())
    const { status } = await fire(service, shotOf(at, token))
    expect(status).toBe(at === 'subject' ? 401 : 200)
  }
})
