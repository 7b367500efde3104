import type { Identity } from '@countersign/protocol'
import { sql } from 'kysely'
import type { Db } from '../store/database.js'
import { subjectKey } from '../store/tables.js'

/** A session that has not expired, and whether it may be used. */
export interface KnownSession {
  readonly id: string
  readonly active: boolean
}

/** The sessions a subject has through an application, at most 16. */
export async function knownSessions(
  db: Db,
  zoneId: string,
  { kind, issuer, id }: Identity,
  applicationId: string,
): Promise<KnownSession[]> {
  const rows = await db
    .selectFrom('sessions')
    .select(['id', 'status'])
    .where('zone_id', '=', zoneId)
    .where('subject_key', '=', subjectKey(issuer ?? null, id))
    .where('kind', '=', kind)
    .where('application_id', '=', applicationId)
    .where(sql<boolean>`expires_at > countersign.now()`)
    .orderBy(sql`status = 'active'`, 'desc')
    .orderBy('last_used_at', 'desc')
    .limit(16)
    .execute()
  return rows.map((row) => ({ id: row.id, active: row.status === 'active' }))
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
