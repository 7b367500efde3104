import { randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { adminOk, type World } from '../support/world.js'

/** The identity provider of the tests. */
export const ISSUER = 'https://idp.test'
export const AUDIENCE = 'https://app.test'

export const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token'

const keys = generateKeyPair('ES256', { extractable: true })
const zones = new Map<string, Promise<unknown>>()

/** A token of the tests' identity provider, which the world's zone trusts from now on. Times in seconds. */
export async function userToken(
  world: World,
  claims: {
    readonly sub: string
    readonly sid?: string
    readonly issuedAt?: number
    /** The same as `issuedAt` by default; null to say nothing of it. */
    readonly auth_time?: number | null
    readonly acr?: string
  },
): Promise<string> {
  const { privateKey, publicKey } = await keys
  const jwk = { ...(await exportJWK(publicKey)), kid: 'test', alg: 'ES256', use: 'sig' }
  const trusted =
    zones.get(world.zoneId) ??
    adminOk(world.service, 'POST', `/v1/zones/${world.zoneId}/subject-issuers`, {
      issuer: ISSUER,
      audience: AUDIENCE,
      jwks: { keys: [jwk] },
      aal: { acr: { mfa: 'aal2', phr: 'aal3' }, amr: {} },
    })
  zones.set(world.zoneId, trusted)
  await trusted
  const { sub, issuedAt = Math.floor(Date.now() / 1000), ...more } = claims
  const { auth_time = issuedAt, ...rest } = more
  return new SignJWT({ jti: randomUUID(), ...(auth_time === null ? {} : { auth_time }), ...rest })
    .setProtectedHeader({ alg: 'ES256', kid: 'test' })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject(sub)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + 90 * 86_400)
    .sign(privateKey)
}

/** The form fields of a request for that user. */
export async function asUser(world: World, claims: Parameters<typeof userToken>[1]) {
  return { subject_token: await userToken(world, claims), subject_token_type: ID_TOKEN }
}
