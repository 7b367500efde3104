import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import fc from 'fast-check'
import { createLocalJWKSet, decodeProtectedHeader, exportJWK, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BASE_URL, type MandateStore, mandateClaims, openMandateStore } from '../../test/mandate/store.js'
import type { ZoneSnapshot } from '../authority/snapshot.js'
import { createSigningKey, KEPT_AFTER_SIGNING, privateKeyOf, signingKeyAt } from './keys.js'
import { mintMandate } from './mint.js'
import { verifyMandate } from './verify.js'

const NOW = Date.parse('2026-01-01T00:00:00Z')
let store: MandateStore
let zone: ZoneSnapshot
let otherZone: ZoneSnapshot

beforeAll(async () => {
  store = await openMandateStore()
  zone = await store.snapshot(await store.createZone(NOW))
  otherZone = await store.snapshot(await store.createZone(NOW))
})
afterAll(() => store.close())

const mint = (more = {}) => mintMandate(zone, store.sealer, mandateClaims(zone.zoneId, NOW, more), NOW)
const verify = async (token: string, now = NOW, at = zone) => verifyMandate(at, BASE_URL, token, now)

describe('a mandate', () => {
  it('verifies with its claims, the first times and from memory', async () => {
    const claims = mandateClaims(zone.zoneId, NOW)
    const token = await mintMandate(zone, store.sealer, claims, NOW)
    for (let time = 0; time < 2; time++) expect(await verify(token)).toEqual({ kind: 'verified', claims })
    const again = verifyMandate(zone, BASE_URL, token, NOW)
    expect(again).not.toBeInstanceOf(Promise)
    expect(again).toEqual({ kind: 'verified', claims })
  })

  it('is an RFC 9068 token that jose verifies with the public key alone', async () => {
    const token = await mint()
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: zone.keys[0]?.id })
    const jwks = createLocalJWKSet({ keys: zone.keys.map((key) => ({ ...key.publicJwk, kid: key.id, alg: 'ES256' })) })
    const { payload } = await jwtVerify(token, jwks, {
      typ: 'at+jwt',
      issuer: `${BASE_URL}/zones/${zone.zoneId}`,
      audience: 'resource://payments',
      currentDate: new Date(NOW),
    })
    expect(payload.sub).toBe('alice')
  })

  it('says what it was asked to, whatever its length and script', async () => {
    for (const sub of ['a', 'ü', '👍🏽'].flatMap((unit) => [1, 2_000, 3_000].map((times) => unit.repeat(times)))) {
      const [, payload = ''] = (await mint({ sub })).split('.')
      expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({ sub, zone_id: zone.zoneId })
    }
  })

  it('expires at exp, also when it was remembered', async () => {
    const token = await mint()
    const exp = NOW + 900_000
    expect(await verify(token, exp - 1)).toMatchObject({ kind: 'verified' })
    expect(await verify(token, exp)).toEqual({ kind: 'refused', reason: 'expired' })
  })

  it('of another zone is refused, also when that zone has verified it', async () => {
    const token = await mint()
    await verify(token)
    expect(await verify(token, NOW, otherZone)).toEqual({ kind: 'refused', reason: 'not_ours' })
  })

  it('of another issuer is refused even when our key signed it', async () => {
    const foreign = await mint({ iss: 'https://elsewhere.example' })
    expect(await verify(foreign)).toEqual({ kind: 'refused', reason: 'wrong_issuer' })
    const moved = await mint({ zone_id: otherZone.zoneId })
    expect(await verify(moved)).toEqual({ kind: 'refused', reason: 'wrong_issuer' })
    expect(await verifyMandate(zone, 'https://moved.example', await mint(), NOW)).toMatchObject({ kind: 'refused' })
  })

  it('without a claim the service relies on is refused even when our key signed it', async () => {
    const key = zone.keys[0]
    if (key === undefined) throw new Error('no key')
    const ours = privateKeyOf(store.sealer, zone.zoneId, key)
    const { aud, ...others } = mandateClaims(zone.zoneId, NOW)
    const claims: JWTPayload = { ...others, aud: [...aud] }
    const signed = (payload: JWTPayload): Promise<string> =>
      new SignJWT(payload).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: key.id }).sign(ours)
    expect(await verify(await signed(claims))).toEqual({ kind: 'verified', claims })
    for (const claim of ['sub', 'aud', 'exp', 'iat', 'jti', 'client_id', 'sid', 'use', 'sub_type', 'txn', 'scope']) {
      const { [claim]: _, ...incomplete } = claims
      expect(await verify(await signed(incomplete))).toEqual({ kind: 'refused', reason: 'bad_claims' })
    }
  })

  it('with any one byte changed is refused', async () => {
    const token = await mint()
    expect(await verify(token)).toMatchObject({ kind: 'verified' })
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 1), fc.integer({ min: 0, max: 127 }), async (at, code) => {
        const changed = token.slice(0, at) + String.fromCharCode(code) + token.slice(at + 1)
        fc.pre(changed !== token)
        expect(await verify(changed)).toMatchObject({ kind: 'refused' })
      }),
      { numRuns: 1500 },
    )
  })

  it('with anything added, removed or respelled is refused', async () => {
    const token = await mint()
    const [header = '', payload = '', signature = ''] = token.split('.')
    const respelled = [
      `${token}=`,
      `${token}.`,
      `.${token}`,
      ` ${token}`,
      `${header}..${signature}`,
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `${header}.${payload}.${signature}.${signature}`,
      `${header}.${payload}.${signature}A`,
      `${header}.${payload}=.${signature}`,
      // The last character of 64 bytes carries 2 bits; the other 4 decode to nothing.
      `${header}.${payload}.${signature.slice(0, -1)}${{ A: 'B', Q: 'R', g: 'h', w: 'x' }[signature.at(-1) ?? '']}`,
      token.replaceAll('-', '+').replaceAll('_', '/').replace('.', '.='),
    ]
    for (const text of respelled) expect(await verify(text)).toMatchObject({ kind: 'refused' })
    await fc.assert(
      fc.asyncProperty(fc.string({ maxLength: 9000 }), async (text) => {
        expect(await verify(text)).toMatchObject({ kind: 'refused' })
      }),
    )
  })

  it('is never one that a caller signed with another algorithm or header', async () => {
    const claims = mandateClaims(zone.zoneId, NOW)
    const kid = zone.keys[0]?.id ?? ''
    const key = signingKeyAt(zone, NOW)
    if (key === undefined) throw new Error('no key')
    const ours = privateKeyOf(store.sealer, zone.zoneId, key)
    const publicPem = createPublicKey({ key: { ...key.publicJwk }, format: 'jwk' }).export({
      type: 'spki',
      format: 'pem',
    })
    const payload: JWTPayload = { ...claims, aud: [...claims.aud] }
    const tokens = [
      await new SignJWT(payload).setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid }).sign(Buffer.from(publicPem)),
      await new SignJWT(payload).setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid }).sign(ours),
      await new SignJWT(payload).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt' }).sign(ours),
      await new SignJWT(payload)
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid })
        .sign(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
      `${Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt', kid })).toString('base64url')}.${Buffer.from(
        JSON.stringify(payload),
      ).toString('base64url')}.`,
    ]
    const derInput = (await mint()).split('.').slice(0, 2).join('.')
    tokens.push(`${derInput}.${sign('sha256', Buffer.from(derInput), ours).toString('base64url')}`)
    for (const token of tokens) expect(await verify(token)).toMatchObject({ kind: 'refused' })
  })
})

describe('a signing key', () => {
  it('is sealed at rest, and does not open in another zone', async () => {
    const key = zone.keys[0]
    if (key === undefined) throw new Error('no key')
    const opened = privateKeyOf(store.sealer, zone.zoneId, key)
    const der = opened.export({ format: 'der', type: 'pkcs8' })
    const { d } = await exportJWK(opened)
    expect(key.privateSealed.includes(Buffer.from(d ?? '', 'base64url'))).toBe(false)
    expect(key.privateSealed.includes(der)).toBe(false)
    expect(() => privateKeyOf(store.sealer, otherZone.zoneId, { ...key })).toThrow()
  })

  it('signs from its time on, and is refused once it is withdrawn, remembered or not', async () => {
    const zoneId = await store.createZone(NOW)
    const before = await store.snapshot(zoneId)
    const old = before.keys[0]
    const claims = mandateClaims(zoneId, NOW)
    const token = await mintMandate(before, store.sealer, { ...claims, exp: claims.exp + 86_400 }, NOW)
    expect(await verify(token, NOW, before)).toMatchObject({ kind: 'verified' })

    const signsFrom = NOW + 300_000
    const retiredAt = signsFrom + KEPT_AFTER_SIGNING
    const kid = await store.db.transaction().execute(async (tx) => {
      await tx
        .updateTable('signing_keys')
        .set({ retired_at: new Date(retiredAt) })
        .where('zone_id', '=', zoneId)
        .execute()
      return createSigningKey(tx, store.sealer, zoneId, NOW, signsFrom)
    })
    store.snapshots.clear()
    const after = await store.snapshot(zoneId)
    expect(signingKeyAt(after, signsFrom - 1)?.id).toBe(old?.id)
    expect(signingKeyAt(after, signsFrom)?.id).toBe(kid)
    const newer = await mintMandate(after, store.sealer, { ...claims, exp: claims.exp + 86_400 }, signsFrom)
    expect(decodeProtectedHeader(newer).kid).toBe(kid)
    expect(await verify(token, retiredAt - 1, after)).toMatchObject({ kind: 'verified' })
    expect(await verify(token, retiredAt, after)).toEqual({ kind: 'refused', reason: 'not_ours' })
    expect(await verify(newer, retiredAt, after)).toMatchObject({ kind: 'verified' })
  })
})
