import { createPublicKey, type JsonWebKey, verify } from 'node:crypto'
import { CliError } from '../cli-error.js'
import { member, request, text } from '../http/request.js'

/** A mandate's claims, as far as the demo shows them. */
export interface MandateClaims {
  readonly iss: string
  readonly aud: string | readonly string[]
  readonly exp: number
  readonly scope: string
  readonly ctx?: { readonly challenge_resolved?: boolean; readonly challenge?: { readonly id?: string } }
}

/**
 * Verifies a mandate as a resource server does: its signature with the zone's published keys, its issuer, its life.
 *
 * @param issuer The one issuer whose mandates count here.
 * @param now Milliseconds.
 * @throws CliError
 */
export async function verifyMandate(token: string, issuer: string, now: number): Promise<MandateClaims> {
  const [header = '', payload = '', signature = ''] = token.split('.')
  const { kid, alg, typ } = decode(header) as { readonly kid?: string; readonly alg?: string; readonly typ?: string }
  if (alg !== 'ES256' || typ !== 'at+jwt') throw new CliError(`The mandate is not an ES256 at+jwt but ${alg} ${typ}.`)
  const { body } = await request(new URL(`${issuer}/.well-known/jwks.json`))
  const keys = member(body, 'keys')
  const jwk = Array.isArray(keys) ? keys.find((candidate: unknown) => member(candidate, 'kid') === kid) : undefined
  if (jwk === undefined) throw new CliError('The zone does not publish the key that the mandate names.')
  const key = { key: createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' }), dsaEncoding: 'ieee-p1363' as const }
  if (!verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'))) {
    throw new CliError("The mandate's signature is wrong.")
  }
  const claims = decode(payload)
  if (text(claims, 'iss') !== issuer) throw new CliError('The mandate is of another issuer.')
  if (Number(member(claims, 'exp')) * 1000 <= now) throw new CliError('The mandate is over.')
  return claims as MandateClaims
}

function decode(part: string): unknown {
  return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
}
