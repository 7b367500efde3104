import type { Db } from '../store/database.js'

/** What was recorded under an idempotency key of an application. */
export function recoveryByKey(db: Db, zoneId: string, applicationId: string, keyHash: Buffer) {
  return db
    .selectFrom('recoveries')
    .select(['binding_hash', 'challenge_id', 'claims', 'expires_at'])
    .where('zone_id', '=', zoneId)
    .where('application_id', '=', applicationId)
    .where('key_hash', '=', keyHash)
    .executeTakeFirst()
}
