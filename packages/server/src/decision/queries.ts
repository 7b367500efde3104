import { sql } from 'kysely'
import type { Db } from '../store/database.js'

/** The sessions a subject has open through an application, the ids of at most 16. */
export async function openSessions(
  db: Db,
  zoneId: string,
  subjectKey: string,
  applicationId: string,
): Promise<string[]> {
  const rows = await db
    .selectFrom('sessions')
    .select('id')
    .where('zone_id', '=', zoneId)
    .where('subject_key', '=', subjectKey)
    .where('application_id', '=', applicationId)
    .where('status', '=', 'active')
    .where(sql<boolean>`expires_at > countersign.now()`)
    .orderBy('last_used_at', 'desc')
    .limit(16)
    .execute()
  return rows.map(({ id }) => id)
}

/** The zone of an application, whose id is one of its own among all zones. */
export async function zoneOfApplication(db: Db, id: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('applications')
    .select('zone_id')
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return row?.zone_id
}
