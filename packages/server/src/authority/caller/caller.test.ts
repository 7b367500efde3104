import { createHash, generateKeyPairSync, type KeyObject, randomBytes, randomUUID, sign } from 'node:crypto'
import { JWT_BEARER } from '@countersign/protocol'
import fc from 'fast-check'
import { SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import type { JwkSet } from '../../store/tables.js'
import type { Application, ZoneSnapshot } from '../snapshot.js'
import { authenticateCaller, type CallerCredentials } from './authenticate.js'
import { parseBasic } from './basic.js'

const NOW = Date.parse('2026-01-01T00:00:00Z')
const SECONDS = NOW / 1000
const ISSUER = 'https://auth.example.com/zones/1'

const secret = randomBytes(32).toString('base64url')
const olderSecret = randomBytes(32).toString('base64url')
const hashOf = (text: string) => createHash('sha256').update(text).digest()

const PAIRS = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  EdDSA: generateKeyPairSync('ed25519'),
}
const jwk = (key: KeyObject, more = {}) => ({ ...key.export({ format: 'jwk' }), ...more })
const ALL_KEYS = { keys: Object.entries(PAIRS).map(([kid, { publicKey }]) => jwk(publicKey, { kid })) }

function application(auth: { secrets: Application['secrets'] } | { jwks: JwkSet }): Application {
  return {
    id: randomUUID(),
    name: 'app',
    authMethod: 'jwks' in auth ? 'private_key_jwt' : 'client_secret',
    jwks: null,
    owner: null,
    labels: [],
    origins: [],
    secrets: [],
    secretHolders: [],
    ...auth,
  }
}

const bySecret = application({
  secrets: [
    { hash: hashOf(secret), expiresAt: null },
    { hash: hashOf(olderSecret), expiresAt: NOW + 60_000 },
  ],
})
const byKey = application({ jwks: ALL_KEYS })
const snapshot = {
  applications: new Map([bySecret, byKey].map((app) => [app.id, app])),
} as unknown as ZoneSnapshot

const authenticate = async (credentials: Partial<CallerCredentials>) =>
  authenticateCaller({ snapshot, issuer: ISSUER, now: NOW, ...credentials })

interface AssertionParts {
  readonly alg?: keyof typeof PAIRS
  readonly key?: KeyObject | Uint8Array
  readonly header?: { [member: string]: unknown }
  readonly claims?: { [claim: string]: unknown }
}

function assertion({ alg = 'ES256', key, header = {}, claims = {} }: AssertionParts = {}): Promise<string> {
  return new SignJWT({
    iss: byKey.id,
    sub: byKey.id,
    aud: ISSUER,
    exp: SECONDS + 60,
    iat: SECONDS,
    jti: randomUUID(),
    ...claims,
  })
    .setProtectedHeader({ alg, kid: alg, ...header })
    .sign(key ?? PAIRS[alg].privateKey)
}

const withAssertion = async (parts: AssertionParts = {}, more: Partial<CallerCredentials> = {}) =>
  authenticate({ assertion: await assertion(parts), assertionType: JWT_BEARER, ...more })

describe('a client secret', () => {
  it('authenticates its application, by Basic and in the form', async () => {
    const authenticated = { kind: 'authenticated', application: bySecret }
    expect(await authenticate({ basic: { id: bySecret.id, secret } })).toEqual(authenticated)
    expect(await authenticate({ basic: { id: bySecret.id, secret }, clientId: bySecret.id })).toEqual(authenticated)
    expect(await authenticate({ clientId: bySecret.id, clientSecret: secret })).toEqual(authenticated)
  })

  it('still counts after a rotation until its overlap ends, and not a moment longer', async () => {
    const older = { clientId: bySecret.id, clientSecret: olderSecret }
    expect(await authenticate({ ...older, now: NOW + 59_999 })).toMatchObject({ kind: 'authenticated' })
    expect(await authenticate({ ...older, now: NOW + 60_000 })).toMatchObject({ reason: 'wrong_secret' })
  })

  it('that is wrong, for no application, or for one that uses keys gets one and the same answer', async () => {
    const attempts = [
      { clientId: bySecret.id, clientSecret: 'wrong' },
      { clientId: randomUUID(), clientSecret: secret },
      { clientId: byKey.id, clientSecret: secret },
    ]
    const answers = await Promise.all(attempts.map(authenticate))
    expect(answers.map((answer) => answer.kind === 'failed' && answer.reason)).toEqual([
      'wrong_secret',
      'unknown_application',
      'wrong_method',
    ])
    const shown = answers.map((answer) => answer.kind === 'failed' && `${answer.error} ${answer.message}`)
    expect(new Set(shown)).toEqual(new Set(['invalid_client client authentication failed']))
  })

  it('is refused when anything about it is changed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) => {
        fc.pre(text !== secret && text !== olderSecret)
        expect(await authenticate({ clientId: bySecret.id, clientSecret: text })).toMatchObject({ kind: 'failed' })
      }),
    )
  })
})

describe('HTTP Basic', () => {
  it('carries any id and secret, form-encoded as RFC 6749 says', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'grapheme' }), (id, word) => {
        const encode = (text: string) => new URLSearchParams([['', text]]).toString().slice(1)
        const header = `Basic ${Buffer.from(`${encode(id)}:${encode(word)}`).toString('base64')}`
        expect(parseBasic(header)).toEqual({ id, secret: word })
      }),
    )
  })

  it('is told from no header and from anything that is not Basic', () => {
    expect(parseBasic(undefined)).toBeUndefined()
    for (const header of ['', 'Basic', 'Basic %%', 'Bearer abc', `Basic ${btoa('no-colon')}`, `Basic ${btoa(':x')}`]) {
      expect(parseBasic(header)).toBe('malformed')
    }
    expect(parseBasic(`Basic ${btoa('a:%zz')}`)).toBe('malformed')
    expect(parseBasic(`basic ${btoa('a:b:c')}`)).toEqual({ id: 'a', secret: 'b:c' })
  })
})

describe('a client assertion', () => {
  it('authenticates its application with each announced algorithm, and names what to record once', async () => {
    for (const alg of Object.keys(PAIRS) as (keyof typeof PAIRS)[]) {
      const result = await withAssertion({ alg, claims: { jti: 'one' } })
      const jtiHash = hashOf(`${byKey.id}\0one`)
      expect(result).toEqual({
        kind: 'authenticated',
        application: byKey,
        once: { jtiHash, expiresAt: NOW + 60_000 },
      })
    }
  })

  it('needs no kid when one key fits', async () => {
    expect(await withAssertion({ header: { kid: undefined } })).toMatchObject({ kind: 'authenticated' })
  })

  it('is refused for each thing it must say and does not', async () => {
    const cases: [AssertionParts['claims'], string][] = [
      [{ aud: 'https://auth.example.com' }, 'assertion_audience'],
      [{ aud: [ISSUER, 'https://elsewhere.example'] }, 'assertion_audience'],
      [{ aud: [] }, 'assertion_audience'],
      [{ aud: undefined }, 'assertion_audience'],
      [{ iss: bySecret.id }, 'assertion_subject'],
      [{ sub: undefined }, 'assertion_subject'],
      [{ sub: bySecret.id, iss: bySecret.id }, 'wrong_method'],
      [{ exp: undefined }, 'assertion_expired'],
      [{ exp: SECONDS }, 'assertion_expired'],
      [{ exp: SECONDS + 301 }, 'assertion_lives_too_long'],
      [{ exp: 1e300 }, 'assertion_lives_too_long'],
      [{ iat: SECONDS - 3600, exp: SECONDS + 240 }, 'assertion_lives_too_long'],
      [{ iat: SECONDS - 61, exp: SECONDS + 300 }, 'assertion_lives_too_long'],
      [{ exp: 'never' }, 'assertion_expired'],
      [{ nbf: SECONDS + 61 }, 'assertion_from_the_future'],
      [{ iat: SECONDS + 61 }, 'assertion_from_the_future'],
      [{ iat: 'now' }, 'assertion_from_the_future'],
      [{ jti: undefined }, 'assertion_jti'],
      [{ jti: '' }, 'assertion_jti'],
      [{ jti: 'x'.repeat(257) }, 'assertion_jti'],
      [{ jti: 7 }, 'assertion_jti'],
    ]
    for (const [claims, reason] of cases) {
      expect({ claims, result: await withAssertion({ claims: claims ?? {} }) }).toMatchObject({ result: { reason } })
    }
    for (const claims of [
      { aud: [ISSUER], exp: SECONDS + 300, jti: 'x'.repeat(256) },
      { iat: SECONDS - 60, exp: SECONDS + 300 },
      { iat: SECONDS - 290, exp: SECONDS + 10 },
      { iat: undefined, exp: SECONDS + 300 },
    ]) {
      expect({ claims, result: await withAssertion({ claims }) }).toMatchObject({ result: { kind: 'authenticated' } })
    }
  })

  it('is refused when another key, another algorithm or a shared secret signed it', async () => {
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    expect(await withAssertion({ key: stranger })).toMatchObject({ reason: 'assertion_signature' })
    expect(await withAssertion({ header: { kid: 'unknown' } })).toMatchObject({ reason: 'assertion_signature' })
    expect(await withAssertion({ header: { kid: 'ES384' } })).toMatchObject({ reason: 'assertion_signature' })
    const pem = PAIRS.RS256.publicKey.export({ type: 'spki', format: 'pem' })
    const symmetric = { header: { alg: 'HS256' }, key: Buffer.from(pem) }
    expect(await withAssertion(symmetric)).toMatchObject({ reason: 'assertion_algorithm' })
    expect(await withAssertion({ header: { alg: 'RS512', kid: 'RS256' }, key: PAIRS.RS256.privateKey })).toMatchObject({
      reason: 'assertion_algorithm',
    })
    expect(await withAssertion({ header: { typ: 'at+jwt' } })).toMatchObject({ reason: 'assertion_algorithm' })
    const [, payload] = (await assertion()).split('.')
    for (const alg of ['none', 'None', 'ES256']) {
      const unsigned = `${Buffer.from(JSON.stringify({ alg })).toString('base64url')}.${payload}.`
      expect(await authenticate({ assertion: unsigned, assertionType: JWT_BEARER })).toMatchObject({ kind: 'failed' })
    }
  })

  it('is refused with weak, unusable or foreign keys in its set', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const good = PAIRS.ES256.publicKey
    const sets: [JwkSet, KeyObject, string][] = [
      [{ keys: [jwk(weak.publicKey)] }, weak.privateKey, 'RS256'],
      [{ keys: [jwk(good, { use: 'enc' })] }, PAIRS.ES256.privateKey, 'ES256'],
      [{ keys: [jwk(good, { key_ops: ['sign'] })] }, PAIRS.ES256.privateKey, 'ES256'],
      [{ keys: [jwk(good, { alg: 'ES384' })] }, PAIRS.ES256.privateKey, 'ES256'],
      [{ keys: [{ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }] }, PAIRS.ES256.privateKey, 'ES256'],
      [{ keys: [null, 'x', {}] as never }, PAIRS.ES256.privateKey, 'ES256'],
    ]
    for (const [jwks, key, alg] of sets) {
      const app = application({ jwks })
      const zone = { applications: new Map([[app.id, app]]) } as unknown as ZoneSnapshot
      // By hand, since jose would refuse to sign with a key this weak.
      const claims = { iss: app.id, sub: app.id, aud: ISSUER, exp: SECONDS + 60, jti: randomUUID() }
      const input = [{ alg }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
      const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')
      const credentials = { snapshot: zone, assertion: `${input}.${signature}`, assertionType: JWT_BEARER }
      expect(await authenticate(credentials)).toMatchObject({ reason: 'assertion_signature' })
    }
  })

  it('with any one byte changed is refused', async () => {
    const token = await assertion()
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 1), fc.integer({ min: 0, max: 127 }), async (at, code) => {
        const changed = token.slice(0, at) + String.fromCharCode(code) + token.slice(at + 1)
        fc.pre(changed !== token)
        expect(await authenticate({ assertion: changed, assertionType: JWT_BEARER })).toMatchObject({ kind: 'failed' })
      }),
      { numRuns: 1500 },
    )
  })

  it('that is wrong tells nothing about whether its application exists', async () => {
    for (const id of [byKey.id, randomUUID()]) {
      const claims = { iss: id, sub: id, aud: 'https://elsewhere.example' }
      expect(await withAssertion({ claims })).toMatchObject({ reason: 'assertion_audience' })
    }
    const unknown = randomUUID()
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    const answers = [
      await withAssertion({ claims: { iss: unknown, sub: unknown } }),
      await withAssertion({ key: stranger }),
    ]
    expect(new Set(answers.map((answer) => answer.kind === 'failed' && answer.message)).size).toBe(1)
  })

  it('is never the cause of an exception, whatever it is', async () => {
    const jsonPart = fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)).toString('base64url'))
    const anyPart = fc.oneof(jsonPart, fc.string(), fc.base64String())
    await fc.assert(
      fc.asyncProperty(fc.array(anyPart, { maxLength: 4 }), async (parts) => {
        const result = await authenticate({ assertion: parts.join('.'), assertionType: JWT_BEARER })
        expect(result).toMatchObject({ kind: 'failed', error: 'invalid_client' })
      }),
      { numRuns: 1000 },
    )
  })

  it('nested without end is malformed, not a broken stack', async () => {
    const deep = `{"a":${'['.repeat(2500)}${']'.repeat(2500)}}`
    const parts = [JSON.stringify({ alg: 'ES256' }), deep, 'x'.repeat(64)]
    const token = parts.map((part) => Buffer.from(part).toString('base64url')).join('.')
    const result = await authenticate({ assertion: token, assertionType: JWT_BEARER })
    expect(result).toMatchObject({ reason: 'assertion_malformed' })
  })
})

describe('a caller', () => {
  it('uses exactly one way of authentication', async () => {
    const basic = { id: bySecret.id, secret }
    const signed = { assertion: await assertion(), assertionType: JWT_BEARER }
    const several = [
      { basic, clientId: bySecret.id, clientSecret: secret },
      { basic, ...signed },
      { clientId: byKey.id, clientSecret: secret, ...signed },
    ]
    for (const credentials of several) {
      expect(await authenticate(credentials)).toMatchObject({ error: 'invalid_request', reason: 'several_methods' })
    }
    expect(await authenticate({})).toMatchObject({ error: 'invalid_client', reason: 'no_credentials' })
    expect(await authenticate({ clientId: bySecret.id })).toMatchObject({ reason: 'no_credentials' })
    expect(await authenticate({ clientSecret: secret })).toMatchObject({ reason: 'no_credentials' })
  })

  it('names itself the same everywhere', async () => {
    const mismatch = { error: 'invalid_request', reason: 'client_id_mismatch' }
    expect(await authenticate({ basic: { id: bySecret.id, secret }, clientId: byKey.id })).toMatchObject(mismatch)
    expect(await withAssertion({}, { clientId: bySecret.id })).toMatchObject(mismatch)
    expect(await withAssertion({}, { clientId: byKey.id })).toMatchObject({ kind: 'authenticated' })
  })

  it('says which type its assertion is of', async () => {
    const signed = await assertion()
    for (const credentials of [
      { assertion: signed },
      { assertion: signed, assertionType: 'x' },
      { assertionType: JWT_BEARER },
    ]) {
      expect(await authenticate(credentials)).toMatchObject({ error: 'invalid_request', reason: 'assertion_type' })
    }
  })
})
