import { sign } from 'node:crypto'
import type { ZoneSnapshot } from '../authority/snapshot.js'
import type { Sealer } from '../store/seal.js'
import type { MandateClaims } from './claims.js'
import { headerOf, privateKeyOf, signingKeyAt } from './keys.js'

/**
 * Signs a mandate with the key of the moment, off the main thread. Call it only once its event is committed.
 *
 * @returns a compact JWS
 * @throws Error when the zone has no signing key, or its key does not open
 * @see https://www.rfc-editor.org/rfc/rfc7515#section-3.1
 */
export function mintMandate(
  snapshot: ZoneSnapshot,
  sealer: Sealer,
  claims: MandateClaims,
  now: number,
): Promise<string> {
  const key = signingKeyAt(snapshot, now)
  if (key === undefined) throw new Error(`zone ${snapshot.zoneId} has no signing key`)
  const input = `${headerOf(key)}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
  // JWS wants R and S side by side (RFC 7518 section 3.4), not the DER that is the default.
  const signingKey = { key: privateKeyOf(sealer, snapshot.zoneId, key), dsaEncoding: 'ieee-p1363' as const }
  return new Promise((resolve, reject) => {
    sign('sha256', Buffer.from(input), signingKey, (error, signature) => {
      if (error === null) resolve(`${input}.${signature.toString('base64url')}`)
      else reject(error)
    })
  })
}
