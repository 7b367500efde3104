import { sql } from 'kysely'
import type { Db } from '../store/database.js'

/** What was recorded under an idempotency key of an application, and whether that mandate was revoked since. */
export function recoveryByKey(db: Db, zoneId: string, applicationId: string, keyHash: Buffer) {
  return db
    .selectFrom('recoveries')
    .select(['binding_hash', 'challenge_id', 'claims', 'expires_at'])
    .select(
      sql<boolean>`EXISTS (SELECT FROM revoked_mandates m
      WHERE m.zone_id = recoveries.zone_id AND m.jti = (recoveries.claims->>'jti')::uuid)`.as('revoked'),
    )
    .where('zone_id', '=', zoneId)
    .where('application_id', '=', applicationId)
    .where('key_hash', '=', keyHash)
    .executeTakeFirst()
}
