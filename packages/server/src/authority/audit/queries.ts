import type { Selectable } from 'kysely'
import type { PageRequest } from '../../http/pagination.js'
import type { Db } from '../../store/database.js'
import type { AuditEventsTable } from '../../store/tables.js'

export type AuditEventRow = Selectable<AuditEventsTable>

/** Events of a zone after a leaf index, in or against the order of the ledger, one more than a page holds. */
export function listEvents(db: Db, zoneId: string, page: PageRequest, order: 'asc' | 'desc'): Promise<AuditEventRow[]> {
  let query = db.selectFrom('audit_events').selectAll().where('zone_id', '=', zoneId)
  if (page.after !== null) query = query.where('leaf_index', order === 'asc' ? '>' : '<', Number(page.after))
  return query
    .orderBy('leaf_index', order)
    .limit(page.limit + 1)
    .execute()
}

export function findEvent(db: Db, zoneId: string, id: string): Promise<AuditEventRow | undefined> {
  return db.selectFrom('audit_events').selectAll().where('zone_id', '=', zoneId).where('id', '=', id).executeTakeFirst()
}
