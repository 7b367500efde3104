import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { TOKEN_TYPES } from '@countersign/protocol'
import fc from 'fast-check'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { IssuerKeys } from '../issuer-keys/issuer-keys.js'
import type { SubjectIssuer, ZoneSnapshot } from '../snapshot.js'
import { type SubjectTokenRequest, verifySubjectToken } from './verify.js'

const NOW = Date.parse('2026-01-01T00:00:00Z')
const SECONDS = NOW / 1000
const ISSUER = 'https://login.example'
const AUDIENCE = 'countersign'
const APPLICATION = 'app-1'

const PAIRS = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES512: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS384: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  EdDSA: generateKeyPairSync('ed25519'),
}
const publicJwk = (key: KeyObject, kid: string) => ({ ...key.export({ format: 'jwk' }), kid })
const JWKS = { keys: Object.entries(PAIRS).map(([kid, { publicKey }]) => publicJwk(publicKey, kid)) }

function issuerRow(more: Partial<SubjectIssuer> = {}): SubjectIssuer {
  return {
    id: 'issuer-1',
    issuer: ISSUER,
    audience: AUDIENCE,
    jwksUri: null,
    jwks: JWKS,
    aal: { acr: { 'urn:strong': 'aal2', 'urn:strongest': 'aal3' }, amr: { hwk: 'aal2', pwd: 'aal1' } },
    applications: null,
    ...more,
  }
}

function zone(...rows: SubjectIssuer[]): ZoneSnapshot {
  const issuers = new Map<string, SubjectIssuer[]>()
  for (const row of rows) issuers.set(row.issuer, [...(issuers.get(row.issuer) ?? []), row])
  return { zoneId: 'zone-1', issuers } as unknown as ZoneSnapshot
}

const issuerKeys = new IssuerKeys({ allowPrivateAddresses: true })
afterAll(() => issuerKeys.close())
const trusted = issuerRow()
const snapshot = zone(trusted)

const verify = async (token: string, more: Partial<SubjectTokenRequest> = {}) =>
  verifySubjectToken({
    snapshot,
    applicationId: APPLICATION,
    token,
    tokenType: TOKEN_TYPES.idToken,
    now: NOW,
    issuerKeys,
    ...more,
  })

interface TokenParts {
  readonly alg?: keyof typeof PAIRS
  readonly key?: KeyObject | Uint8Array
  readonly header?: { [member: string]: unknown }
}

function token(claims: { [claim: string]: unknown } = {}, { alg = 'ES256', key, header }: TokenParts = {}) {
  return new SignJWT({ iss: ISSUER, aud: AUDIENCE, sub: 'alice', iat: SECONDS, exp: SECONDS + 600, ...claims })
    .setProtectedHeader({ alg, kid: alg, ...header })
    .sign(key ?? PAIRS[alg].privateKey)
}

describe("a trusted issuer's token", () => {
  it('says who the user is and how they authenticated', async () => {
    const claims = {
      sid: 's1',
      acr: 'urn:strong',
      amr: ['pwd', 'hwk'],
      auth_time: SECONDS - 30,
      email: 'a@example.com',
    }
    const result = await verify(await token(claims))
    expect(result).toMatchObject({
      kind: 'verified',
      subject: {
        issuer: trusted,
        sub: 'alice',
        sid: 's1',
        acr: 'urn:strong',
        amr: ['pwd', 'hwk'],
        aal: 'aal2',
        authTime: NOW - 30_000,
        issuedAt: NOW,
        expiresAt: NOW + 600_000,
        claims: { email: 'a@example.com' },
      },
    })
  })

  it('verifies with each asymmetric algorithm, the first times and from memory', async () => {
    for (const alg of Object.keys(PAIRS) as (keyof typeof PAIRS)[]) {
      const text = await token({}, { alg })
      const first = await verify(text)
      expect(first).toMatchObject({ kind: 'verified' })
      expect(await verify(text)).toEqual(first)
      const request = { snapshot, applicationId: APPLICATION, token: text, tokenType: TOKEN_TYPES.idToken, now: NOW }
      const again = verifySubjectToken({ ...request, issuerKeys })
      expect(again).not.toBeInstanceOf(Promise)
      expect(again).toEqual(first)
    }
  })

  it('raises the level by what the issuer maps, and by nothing else', async () => {
    const aalOf = async (claims: { [claim: string]: unknown }) => {
      const result = await verify(await token(claims))
      return result.kind === 'verified' ? result.subject.aal : result.reason
    }
    expect(await aalOf({})).toBe('aal1')
    expect(await aalOf({ acr: 'aal3', amr: ['mfa'] })).toBe('aal1')
    expect(await aalOf({ acr: '__proto__', amr: ['constructor', 'toString'] })).toBe('aal1')
    expect(await aalOf({ amr: ['hwk'] })).toBe('aal2')
    expect(await aalOf({ acr: 'urn:strongest', amr: ['pwd'] })).toBe('aal3')
    expect(await aalOf({ acr: ['urn:strongest'], amr: 'hwk' })).toBe('aal1')
  })

  it('is refused for each thing it must say and does not', async () => {
    const cases: [{ [claim: string]: unknown }, string][] = [
      [{ iss: 'https://elsewhere.example' }, 'untrusted_issuer'],
      [{ iss: `${ISSUER}/` }, 'untrusted_issuer'],
      [{ iss: undefined }, 'untrusted_issuer'],
      [{ iss: [ISSUER] }, 'untrusted_issuer'],
      [{ aud: 'another' }, 'wrong_audience'],
      [{ aud: [AUDIENCE, 'another'] }, 'wrong_audience'],
      [{ aud: undefined }, 'wrong_audience'],
      [{ aud: [] }, 'wrong_audience'],
      [{ sub: undefined }, 'missing_claims'],
      [{ sub: '' }, 'missing_claims'],
      [{ sub: 'x'.repeat(513) }, 'missing_claims'],
      [{ sub: { id: 'alice' } }, 'missing_claims'],
      [{ sub: 'ali\0ce' }, 'malformed'],
      [{ sub: 'ali\ud800ce' }, 'malformed'],
      [{ iat: undefined }, 'missing_claims'],
      [{ exp: undefined }, 'missing_claims'],
      [{ exp: 1e300 }, 'missing_claims'],
      [{ exp: SECONDS - 60 }, 'expired'],
      [{ nbf: SECONDS + 61 }, 'from_the_future'],
      [{ nbf: 'tomorrow' }, 'missing_claims'],
      [{ iat: SECONDS + 61 }, 'from_the_future'],
      [{ auth_time: SECONDS + 61 }, 'from_the_future'],
      [{ events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }, 'wrong_type'],
    ]
    for (const [claims, reason] of cases) {
      expect({ claims, result: await verify(await token(claims)) }).toEqual({
        claims,
        result: { kind: 'failed', reason },
      })
    }
    const edges = { aud: [AUDIENCE], exp: SECONDS - 59, iat: SECONDS + 60, nbf: SECONDS + 60 }
    expect(await verify(await token(edges))).toMatchObject({ kind: 'verified' })
  })

  it('expires, also when it was remembered', async () => {
    const text = await token()
    expect(await verify(text)).toMatchObject({ kind: 'verified' })
    expect(await verify(text, { now: NOW + 659_999 })).toMatchObject({ kind: 'verified' })
    expect(await verify(text, { now: NOW + 660_000 })).toEqual({ kind: 'failed', reason: 'expired' })
  })

  it('is of the type it is presented as', async () => {
    const typed = (typ: string) => token({}, { header: { typ } })
    const asJwt = { tokenType: TOKEN_TYPES.jwt }
    expect(await verify(await typed('JWT'))).toMatchObject({ kind: 'verified' })
    expect(await verify(await typed('at+jwt'))).toMatchObject({ reason: 'wrong_type' })
    expect(await verify(await typed('at+jwt'), asJwt)).toMatchObject({ kind: 'verified' })
    expect(await verify(await typed('application/at+jwt'), asJwt)).toMatchObject({ kind: 'verified' })
    for (const typ of ['logout+jwt', 'secevent+jwt', 'dpop+jwt', 'oauth-authz-req+jwt']) {
      expect(await verify(await typed(typ), asJwt)).toMatchObject({ reason: 'wrong_type' })
    }
    expect(await verify(await token(), { tokenType: TOKEN_TYPES.accessToken })).toMatchObject({
      reason: 'unsupported_token_type',
    })
  })

  it('is only for the applications that may present it, also when another has', async () => {
    const row = issuerRow({ applications: ['app-2'] })
    const restricted = zone(row)
    const text = await token()
    expect(await verify(text, { snapshot: restricted, applicationId: 'app-2' })).toMatchObject({ kind: 'verified' })
    expect(await verify(text, { snapshot: restricted })).toMatchObject({ reason: 'application_not_allowed' })
  })

  it('finds its row by audience when an issuer is trusted for several', async () => {
    const other = issuerRow({ id: 'issuer-2', audience: 'second', aal: {} })
    const both = zone(trusted, other)
    const result = await verify(await token({ aud: 'second', acr: 'urn:strong' }), { snapshot: both })
    expect(result).toMatchObject({ kind: 'verified', subject: { issuer: other, aal: 'aal1' } })
  })

  it('is forgotten when its issuer is edited or no longer trusted', async () => {
    const row = issuerRow()
    const text = await token({ amr: ['hwk'] })
    expect(await verify(text, { snapshot: zone(row) })).toMatchObject({ kind: 'verified', subject: { aal: 'aal2' } })
    expect(await verify(text, { snapshot: zone() })).toMatchObject({ reason: 'untrusted_issuer' })
    const edited = zone({ ...row, aal: {} })
    expect(await verify(text, { snapshot: edited })).toMatchObject({ kind: 'verified', subject: { aal: 'aal1' } })
    const rekeyed = zone({ ...row, jwks: { keys: JWKS.keys.slice(1) } })
    expect(await verify(text, { snapshot: rekeyed })).toMatchObject({ reason: 'unknown_key' })
  })

  it('is one token however its signature is spelled', async () => {
    const text = await token()
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
    const signature = Buffer.from(text.split('.')[2] ?? '', 'base64url')
    const s = BigInt(`0x${signature.subarray(32).toString('hex')}`)
    const mirrored = Buffer.concat([
      signature.subarray(0, 32),
      Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex'),
    ])
    const twin = `${text.slice(0, text.lastIndexOf('.') + 1)}${mirrored.toString('base64url')}`
    expect(twin).not.toBe(text)
    const [one, two] = [await verify(text), await verify(twin)]
    if (one.kind !== 'verified' || two.kind !== 'verified') throw new Error('both spellings verify')
    expect(two.subject.tokenHash).toEqual(one.subject.tokenHash)
  })

  it('signed by anyone else, or with a shared secret, or not at all is refused', async () => {
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    expect(await verify(await token({}, { key: stranger }))).toMatchObject({ reason: 'bad_signature' })
    expect(await verify(await token({}, { header: { kid: 'gone' } }))).toMatchObject({ reason: 'unknown_key' })
    const pem = PAIRS.RS256.publicKey.export({ type: 'spki', format: 'pem' })
    const hs = { header: { alg: 'HS256', kid: 'RS256' }, key: Buffer.from(pem) }
    expect(await verify(await token({}, hs))).toMatchObject({ reason: 'unknown_key' })
    const payload = (await token()).split('.')[1]
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`
    expect(await verify(none)).toMatchObject({ kind: 'failed' })
    const critical = await token({}, { header: { crit: ['b64'], b64: true } })
    expect(await verify(critical)).toMatchObject({ reason: 'malformed' })
  })

  it('with any one byte changed is refused', async () => {
    const text = await token()
    expect(await verify(text)).toMatchObject({ kind: 'verified' })
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 1), fc.integer({ min: 0, max: 127 }), async (at, code) => {
        const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1)
        fc.pre(changed !== text)
        expect(await verify(changed)).toMatchObject({ kind: 'failed' })
      }),
      { numRuns: 1500 },
    )
  })

  it('that is anything else is a failure with a reason, never an exception', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.string({ minLength: 8190, maxLength: 8200 })), async (text) => {
        expect(await verify(text)).toMatchObject({ kind: 'failed' })
      }),
    )
    const claims = fc.dictionary(
      fc.constantFrom('iss', 'aud', 'sub', 'iat', 'exp', 'nbf', 'amr', 'acr'),
      fc.jsonValue(),
    )
    await fc.assert(
      fc.asyncProperty(claims, async (odd) => {
        expect(['verified', 'failed']).toContain((await verify(await token(odd))).kind)
      }),
    )
    expect(await verify('x'.repeat(8193))).toMatchObject({ reason: 'too_long' })
  })
})

describe('with keys that are fetched', () => {
  let keys = [publicJwk(PAIRS.ES256.publicKey, 'first')]
  let up = true
  let requests = 0
  const server = createServer((_request, response) => {
    requests++
    response.setHeader('connection', 'close')
    response.statusCode = up ? 200 : 503
    response.end(JSON.stringify({ keys }))
  })
  let jwksUri = ''
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    jwksUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`
  })
  afterAll(() => new Promise((resolve) => server.close(resolve)))

  it('a rotation at the issuer is followed by the first token that needs it', async () => {
    const remote = zone(issuerRow({ jwks: null, jwksUri }))
    const first = await token({}, { header: { kid: 'first' } })
    expect(await verify(first, { snapshot: remote })).toMatchObject({ kind: 'verified' })
    const next = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const second = await token({}, { header: { kid: 'second' }, key: next.privateKey })
    keys = [publicJwk(next.publicKey, 'second')]
    const later = NOW + 31_000
    expect(await verify(second, { snapshot: remote, now: later })).toMatchObject({ kind: 'verified' })
    // The first key is gone from the set, so what it signed is no longer believed, remembered or not.
    expect(await verify(first, { snapshot: remote, now: later })).toMatchObject({ reason: 'unknown_key' })
    expect(requests).toBe(2)
  })

  it('an issuer that cannot be asked is told apart from a bad token', async () => {
    up = false
    const remote = zone(issuerRow({ jwks: null, jwksUri }))
    expect(await verify(await token(), { snapshot: remote })).toEqual({ kind: 'failed', reason: 'keys_unavailable' })
    up = true
  })
})
