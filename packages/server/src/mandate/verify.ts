import { decodeBase64Url } from '../authority/jws/base64url.js'
import { MAX_TOKEN_LENGTH } from '../authority/jws/compact.js'
import { RememberedTokens } from '../authority/jws/remembered-tokens.js'
import { issuerOf, type SigningKey, type ZoneSnapshot } from '../authority/snapshot.js'
import { verifyEs256 } from '../signature/es256.js'
import { isMandateClaims, type MandateClaims } from './claims.js'
import { isPublished, keysByHeader, publicKeyOf } from './keys.js'

/** What a token is to a zone. */
export type MandateResult =
  | { readonly kind: 'verified'; readonly claims: MandateClaims }
  | { readonly kind: 'refused'; readonly reason: MandateRefusal }

/**
 * `not_ours`: no published key of the zone could have signed it (foreign, retired, another algorithm or type).
 * `wrong_issuer`: our key, but under another base URL or zone.
 */
export type MandateRefusal = 'malformed' | 'not_ours' | 'bad_signature' | 'wrong_issuer' | 'bad_claims' | 'expired'

const verified = new RememberedTokens<MandateClaims>()

/**
 * Verifies that a token is a mandate of this zone, whole and in time. It says nothing about the session behind it.
 *
 * The header must be, to the letter, one that this zone's keys write: with it the algorithm, the type and the key are
 * settled, and there is nothing to negotiate. Tokens that verified are remembered; time, issuer and key are looked at each
 * time.
 *
 * @returns at once for a remembered token, otherwise when the signature has been verified off the main thread
 * @see https://www.rfc-editor.org/rfc/rfc9068#section-4
 */
export function verifyMandate(
  snapshot: ZoneSnapshot,
  baseUrl: string,
  token: string,
  now: number,
): MandateResult | Promise<MandateResult> {
  if (token.length > MAX_TOKEN_LENGTH) return refused('malformed')
  const firstDot = token.indexOf('.')
  const lastDot = token.lastIndexOf('.')
  if (firstDot <= 0 || token.indexOf('.', firstDot + 1) !== lastDot) return refused('malformed')
  const key = publishedKey(snapshot, token.slice(0, firstDot), now)
  if (key === undefined) return refused('not_ours')
  const known = verified.get(token)
  if (known !== undefined) return checkClaims(snapshot, baseUrl, known, now)
  const payload = decodeBase64Url(token.slice(firstDot + 1, lastDot))
  const signature = decodeBase64Url(token.slice(lastDot + 1))
  if (payload === undefined || signature === undefined) return refused('malformed')
  return verifyEs256(publicKeyOf(key), token.slice(0, lastDot), signature).then((valid) => {
    if (!valid) return refused('bad_signature')
    const claims = parseClaims(payload)
    if (claims === undefined) return refused('bad_claims')
    const result = checkClaims(snapshot, baseUrl, claims, now)
    if (result.kind === 'verified') verified.set(token, claims)
    return result
  })
}

function publishedKey(snapshot: ZoneSnapshot, header: string, now: number): SigningKey | undefined {
  const key = keysByHeader(snapshot).get(header)
  return key !== undefined && isPublished(key, now) ? key : undefined
}

function checkClaims(snapshot: ZoneSnapshot, baseUrl: string, claims: MandateClaims, now: number): MandateResult {
  if (claims.zone_id !== snapshot.zoneId || claims.iss !== issuerOf(baseUrl, snapshot.zoneId)) {
    return refused('wrong_issuer')
  }
  return claims.exp * 1000 > now ? { kind: 'verified', claims } : refused('expired')
}

function parseClaims(payload: Buffer): MandateClaims | undefined {
  try {
    const claims: unknown = JSON.parse(payload.toString('utf8'))
    return isMandateClaims(claims) ? claims : undefined
  } catch {
    return undefined
  }
}

const refused = (reason: MandateRefusal): MandateResult => ({ kind: 'refused', reason })
