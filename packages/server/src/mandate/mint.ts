import type { ZoneSnapshot } from '../authority/snapshot.js'
import { signEs256 } from '../signature/es256.js'
import { andThen, type Eventual } from '../store/eventual.js'
import type { Sealer } from '../store/seal.js'
import { claimsJson, type MandateClaims } from './claims.js'
import { headerOf, privateKeyOf, signingKeyAt } from './keys.js'

/**
 * Signs a mandate with the key of the moment. Call it only once its event is committed.
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
): Eventual<string> {
  const key = signingKeyAt(snapshot, now)
  if (key === undefined) throw new Error(`zone ${snapshot.zoneId} has no signing key`)
  const input = `${headerOf(key)}.${base64url(claimsJson(claims))}`
  const signing = signEs256(privateKeyOf(sealer, snapshot.zoneId, key), input)
  return andThen(signing, (signature) => `${input}.${signature}`)
}

// Used again each time: a buffer of its own for each takes 1 % of an exchange.
const scratch = Buffer.allocUnsafeSlow(8 * 1024)
const MOST_BYTES_A_UNIT = 3

function base64url(text: string): string {
  if (text.length * MOST_BYTES_A_UNIT > scratch.length) return Buffer.from(text).toString('base64url')
  return scratch.toString('base64url', 0, scratch.write(text))
}
