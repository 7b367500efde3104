import { type Jwk, localKeys } from '@countersign/client/verify-token'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { MandateVerifier, type MandateVerifierOptions } from '../../src/index.js'

export const ISSUER = 'https://sts.example/zones/zone-1'
export const RESOURCE = 'https://bank.example/transfers'
export const METADATA_URL = 'https://bank.example/.well-known/oauth-protected-resource/transfers'

const { privateKey, publicKey } = await generateKeyPair('ES256')
const jwk = { ...(await exportJWK(publicKey)), kid: 'key-1', use: 'sig', alg: 'ES256' } as Jwk

export const publishedKeys = { keys: [jwk] }

/** A mandate as the service would sign it, fresh and for this resource unless told otherwise. */
export function mint(claims: Record<string, unknown> = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const payload = {
    iss: ISSUER,
    sub: 'alice',
    aud: RESOURCE,
    exp: now + 900,
    iat: now,
    jti: `mandate-${Math.random()}`,
    client_id: 'bank-app',
    zone_id: 'zone-1',
    scope: 'read transfer',
    sid: 'session-1',
    root_sid: 'session-0',
    use: 'resource',
    sub_type: 'user',
    acr: 'aal1',
    amr: ['pwd'],
    auth_time: now - 3_600,
    ...claims,
  }
  return new SignJWT(JSON.parse(JSON.stringify(payload)))
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'key-1' })
    .sign(privateKey)
}

/** A mandate of somebody who was just authenticated at aal2. */
export const mintStrong = (claims: Record<string, unknown> = {}): Promise<string> =>
  mint({ acr: 'aal2', amr: ['hwk'], auth_time: Math.floor(Date.now() / 1000), ...claims })

export const verifierOf = (more: Partial<MandateVerifierOptions> = {}): MandateVerifier =>
  new MandateVerifier({ issuer: ISSUER, resource: RESOURCE, keys: localKeys(publishedKeys), ...more })
