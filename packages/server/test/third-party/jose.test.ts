import { createRemoteJWKSet, decodeProtectedHeader, errors, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { passTime } from '../promises/support.js'
import type { TestService } from '../support/service.js'
import { adminOk, PAYMENTS } from '../support/world.js'
import { type Given, given, localService } from './local-service.js'

let service: TestService
let zone: Given

beforeAll(async () => {
  service = await localService()
  zone = await given(service)
})
afterAll(async () => {
  vi.restoreAllMocks()
  await service.close()
})

/** A resource mandate, by way of the pause. */
async function mandate(): Promise<string> {
  const pause = await zone.world.exchange()
  await zone.prove(pause.body.challenge_id)
  const proof = { challenge_id: pause.body.challenge_id, challenge_response: pause.body.challenge_secret }
  const { body } = await zone.world.exchange(proof as Record<string, string>)
  return String(body.access_token)
}

async function sessionMandate(): Promise<string> {
  const { body } = await zone.world.exchange({ resource: undefined, scope: undefined })
  return String(body.access_token)
}

describe("jose's remote key set", () => {
  test('verifies mandates before, during and after a key rotation, without being told of it', async () => {
    // One key set for the whole time, with the options that everybody has: none.
    const keys = createRemoteJWKSet(new URL(`${zone.issuer.href}/.well-known/jwks.json`))
    let elapsed = 0
    // The service's time is its database's; a resource server has its own clock, which goes as fast.
    const start = Date.now()
    vi.spyOn(Date, 'now').mockImplementation(() => start + elapsed * 1000)
    const pass = async (seconds: number) => {
      elapsed += seconds
      await passTime(service, seconds)
    }
    const verify = (token: string, audience = PAYMENTS) =>
      jwtVerify(token, keys, {
        issuer: zone.issuer.href,
        audience,
        typ: 'at+jwt',
        algorithms: ['ES256'],
        currentDate: new Date(start + elapsed * 1000),
      })
    const kid = (token: string) => decodeProtectedHeader(token).kid

    const first = await mandate()
    expect((await verify(first)).payload).toMatchObject({
      scope: 'transfer',
      client_id: zone.world.application.id,
      use: 'resource',
    })

    const rotation = await adminOk(service, 'POST', `/v1/zones/${zone.world.zoneId}/keys/rotate`, {})
    const session = await sessionMandate()
    expect(kid(session)).toBe(kid(first))
    await verify(session, zone.issuer.href)

    await pass(301)
    const second = await mandate()
    expect(kid(second)).toBe(rotation.kid)
    expect(kid(second)).not.toBe(kid(first))
    // The cached set lacks the new key, which makes the library look again.
    await verify(second)
    // What the last key signed stays good for as long as it lives.
    await verify(session, zone.issuer.href)

    await pass(3600 + 600)
    await verify(await mandate())
    await expect(verify(session, zone.issuer.href)).rejects.toBeInstanceOf(errors.JOSEError)
  })

  test('refuses a mandate of another zone, and one whose payload was changed', async () => {
    const other = await given(service)
    const keys = createRemoteJWKSet(new URL(`${other.issuer.href}/.well-known/jwks.json`))
    const token = await mandate()
    await expect(jwtVerify(token, keys)).rejects.toBeInstanceOf(errors.JOSEError)

    const own = createRemoteJWKSet(new URL(`${zone.issuer.href}/.well-known/jwks.json`))
    const [header, payload = '', signature] = token.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const changed = Buffer.from(JSON.stringify({ ...claims, scope: 'transfer read' })).toString('base64url')
    await expect(jwtVerify([header, changed, signature].join('.'), own)).rejects.toBeInstanceOf(errors.JOSEError)
  })
})
