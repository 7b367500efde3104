import { sign } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'
import type { ZoneSnapshot } from '../authority/snapshot.js'
import { andThen, type Eventual } from '../store/eventual.js'
import type { Sealer } from '../store/seal.js'
import type { MandateClaims } from './claims.js'
import { headerOf, privateKeyOf, signingKeyAt } from './keys.js'

const signInPool = promisify(sign)

// With two processors the pool's threads only take turns with this one, which spends 13 µs on handing a signature over and
// taking it back where making it takes 20. Made here: as many exchanges with nine tenths of the CPU and a p99 of 22 ms
// instead of 27, and 1.07 times as many with every token new. With more processors this thread is what is short.
const signHere = availableParallelism() <= 2 ? sign : signInPool

/**
 * Signs a mandate with the key of the moment, off the main thread where that pays. Call it only once its event is committed.
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
  const input = `${headerOf(key)}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
  // JWS wants R and S side by side (RFC 7518 section 3.4), not the DER that is the default.
  const signingKey = { key: privateKeyOf(sealer, snapshot.zoneId, key), dsaEncoding: 'ieee-p1363' as const }
  const signing: Eventual<Buffer> = signHere('sha256', Buffer.from(input), signingKey)
  return andThen(signing, (signature) => `${input}.${signature.toString('base64url')}`)
}
