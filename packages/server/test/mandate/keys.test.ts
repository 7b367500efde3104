import { createRemoteJWKSet, jwtVerify } from 'jose'
import { allowInsecureRequests, discovery } from 'openid-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { JWKS_MAX_AGE, KEPT_AFTER_SIGNING, signingKeyAt } from '../../src/mandate/keys.js'
import { type MandateService, openMandateService } from './service.js'

let service: MandateService
let zoneId: string
beforeAll(async () => {
  service = await openMandateService()
})
afterAll(() => service.close())

const kids = async (zone: string): Promise<string[]> => {
  const { body } = await service.get(`/zones/${zone}/.well-known/jwks.json`)
  return (body.keys as { kid: string }[]).map((key) => key.kid)
}
const signing = async (zone: string): Promise<string | undefined> =>
  signingKeyAt(await service.store.snapshot(zone), service.now())?.id

describe("a zone's key set", () => {
  it('is public, cacheable for as long as a new key waits, and has no private part', async () => {
    zoneId = await service.store.createZone(service.now())
    for (const path of [`/zones/${zoneId}/.well-known/jwks.json`, `/.well-known/jwks.json?zone_id=${zoneId}`]) {
      const { status, headers, body } = await service.get(path)
      expect(status).toBe(200)
      expect(headers.get('cache-control')).toBe('public, max-age=300')
      expect(headers.get('access-control-allow-origin')).toBe('*')
      expect(body).toEqual({
        keys: [
          {
            kty: 'EC',
            crv: 'P-256',
            x: expect.any(String),
            y: expect.any(String),
            kid: expect.any(String),
            alg: 'ES256',
            use: 'sig',
          },
        ],
      })
    }
  })

  it('of a zone that does not exist is 404, and without a zone 400', async () => {
    const unknown = '019b0000-0000-7000-8000-000000000000'
    for (const path of [`/zones/${unknown}/.well-known/jwks.json`, '/zones/x/.well-known/jwks.json']) {
      expect(await service.get(path)).toMatchObject({ status: 404, body: { code: 'not_found' } })
    }
    expect(await service.get('/.well-known/jwks.json')).toMatchObject({ status: 400 })
    expect(await service.get(`/.well-known/oauth-authorization-server/zones/${unknown}`)).toMatchObject({ status: 404 })
  })
})

describe('a rotation', () => {
  it('publishes the key for the max-age before it signs, and keeps the last one 65 minutes after', async () => {
    zoneId = await service.store.createZone(service.now())
    const [old = ''] = await kids(zoneId)
    const { status, body } = await service.rotate(zoneId)
    const next = String(body.kid)
    expect(status).toBe(200)
    expect(await kids(zoneId)).toEqual([old, next])
    expect(await signing(zoneId)).toBe(old)

    const signsFrom = Date.parse(String(body.signs_from))
    expect(Math.abs(signsFrom - service.now() - JWKS_MAX_AGE * 1000)).toBeLessThan(5000)
    await service.advance(signsFrom - service.now() - 2000)
    expect(await signing(zoneId)).toBe(old)
    await service.advance(2001)
    expect(await signing(zoneId)).toBe(next)
    expect(await kids(zoneId)).toEqual([old, next])

    const until = Date.parse(String((body.retiring as { published_until: string }[])[0]?.published_until))
    expect(until).toBe(signsFrom + KEPT_AFTER_SIGNING)
    await service.advance(until - service.now() - 2000)
    expect(await kids(zoneId)).toEqual([old, next])
    await service.advance(2001)
    expect(await kids(zoneId)).toEqual([next])
  })

  it('asked for again before the new key signs is the same one, with one event', async () => {
    zoneId = await service.store.createZone(service.now())
    const answers = await Promise.all(Array.from({ length: 8 }, () => service.rotate(zoneId)))
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1)
    expect(await kids(zoneId)).toHaveLength(2)
    const rotations = (await service.events(zoneId)).filter((event) => event.type === 'key.rotated')
    expect(rotations).toMatchObject([{ outcome: 'recorded', actor: 'admin:bootstrap', kid: answers[0]?.body.kid }])
  })

  it('never lets a key sign that a cached key set could lack, nor withdraws one that signed something in force', async () => {
    zoneId = await service.store.createZone(service.now())
    const seen: { at: number; kids: string[] }[] = []
    const signed: { at: number; kid: string }[] = []
    for (let step = 0; step < 60; step++) {
      if (step % 7 === 0) await service.rotate(zoneId)
      const published = await kids(zoneId)
      const signer = (await signing(zoneId)) ?? ''
      const at = service.now()
      seen.push({ at, kids: published })
      signed.push({ at, kid: signer })
      for (const cached of seen) {
        if (at - cached.at < JWKS_MAX_AGE * 1000 - 1000) expect(cached.kids).toContain(signer)
      }
      for (const mandate of signed) if (at - mandate.at < 60 * 60_000) expect(published).toContain(mandate.kid)
      await service.advance([40_000, 150_000, 290_000, 400_000, 1_900_000][step % 5] ?? 0)
    }
    expect(new Set(signed.map(({ kid }) => kid)).size).toBeGreaterThan(5)
  })

  it('removes private keys that nothing in force needs', async () => {
    zoneId = await service.store.createZone(service.now())
    for (let i = 0; i < 4; i++) {
      await service.rotate(zoneId)
      await service.advance(2 * 3_600_000)
    }
    await service.rotate(zoneId)
    const rows = await service.store.db.selectFrom('signing_keys').select('id').where('zone_id', '=', zoneId).execute()
    expect(rows).toHaveLength(2)
  })

  it('needs a token that may write, and is repeatable with an Idempotency-Key', async () => {
    zoneId = await service.store.createZone(service.now())
    expect(await service.rotate(zoneId, { authorization: 'Bearer wrong' })).toMatchObject({ status: 401 })
    const key = { 'idempotency-key': 'rotation-once-0001' }
    const first = await service.rotate(zoneId, key)
    await service.advance(3_600_000)
    expect((await service.rotate(zoneId, key)).body).toEqual(first.body)
    expect((await service.rotate(zoneId)).body.kid).not.toBe(first.body.kid)
  })
})

describe('other software', () => {
  it("finds everything by discovery, and jose's remote key set verifies mandates across a rotation", async () => {
    zoneId = await service.store.createZone(service.now())
    const issuer = `${service.url}/zones/${zoneId}`
    const config = await discovery(new URL(issuer), 'client', undefined, undefined, {
      algorithm: 'oauth2',
      execute: [allowInsecureRequests],
    })
    const metadata = config.serverMetadata()
    expect(metadata).toMatchObject({
      issuer,
      token_endpoint: `${issuer}/oauth/2/token`,
      introspection_endpoint: `${issuer}/oauth/2/introspect`,
      revocation_endpoint: `${issuer}/oauth/2/revoke`,
    })
    const keySet = createRemoteJWKSet(new URL(metadata.jwks_uri ?? ''), { cooldownDuration: 0 })
    const verify = async (token: string) =>
      (
        await jwtVerify(token, keySet, {
          issuer,
          audience: 'resource://payments',
          typ: 'at+jwt',
          currentDate: new Date(service.now()),
        })
      ).protectedHeader.kid
    const before = (await service.mint(zoneId, {})).token
    const old = await verify(before)
    await service.rotate(zoneId)
    expect(await verify((await service.mint(zoneId, {})).token)).toBe(old)
    await service.advance(JWKS_MAX_AGE * 1000 + 1000)
    const after = (await service.mint(zoneId, {})).token
    expect(await verify(after)).not.toBe(old)
    expect(await verify(before)).toBe(old)
  })

  it('reads the metadata of the service as a whole too', async () => {
    const { body, headers } = await service.get('/.well-known/oauth-authorization-server')
    expect(body).toMatchObject({
      issuer: service.url,
      token_endpoint: `${service.url}/oauth/2/token`,
      grant_types_supported: ['urn:ietf:params:oauth:grant-type:token-exchange'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    })
    expect(body).not.toHaveProperty('jwks_uri')
    expect(headers.get('cache-control')).toBe('public, max-age=300')
  })
})
