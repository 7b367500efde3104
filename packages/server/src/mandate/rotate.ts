import type { Tx } from '../store/database.js'
import type { Sealer } from '../store/seal.js'
import { createSigningKey, JWKS_MAX_AGE, KEPT_AFTER_SIGNING } from './keys.js'
import { deleteWithdrawnKeys, type KeyLife, readKeyLives, retireKeys } from './queries.js'

/** The key that signs next, and those that end with it. */
export interface Rotation {
  /** False when a key was waiting to sign already, and this rotation is that one. */
  readonly created: boolean
  readonly next: KeyLife
  readonly retiring: readonly KeyLife[]
}

/**
 * Gives a zone its next signing key, under the zone's lock. It is published now and signs once every copy of the key
 * set that lacks it has run out; the keys before it stay until nothing they signed can be in force. Asked again before
 * it signs, the answer is the same key. `now` in milliseconds.
 */
export async function rotateKeys(tx: Tx, sealer: Sealer, zoneId: string, now: number): Promise<Rotation> {
  const held = await readKeyLives(tx, zoneId, now)
  const last = held.at(-1)
  if (last !== undefined && last.signsFrom > now) return { created: false, next: last, retiring: held.slice(0, -1) }

  await deleteWithdrawnKeys(tx, zoneId, now)
  const signsFrom = now + JWKS_MAX_AGE * 1000
  const retiredAt = signsFrom + KEPT_AFTER_SIGNING
  const ending = held.filter((key) => key.retiredAt === null)
  await retireKeys(
    tx,
    zoneId,
    ending.map((key) => key.kid),
    retiredAt,
  )
  const kid = await createSigningKey(tx, sealer, zoneId, now, signsFrom)
  return {
    created: true,
    next: { kid, signsFrom, retiredAt: null },
    retiring: held.map((key) => ({ ...key, retiredAt: key.retiredAt ?? retiredAt })),
  }
}
