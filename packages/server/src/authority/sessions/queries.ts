import { type Selectable, sql } from 'kysely'
import type { PageRequest } from '../../http/pagination.js'
import type { Db, Tx } from '../../store/database.js'
import type { SessionsTable } from '../../store/tables.js'
import { announce } from '../../store/zone-change.js'

export type SessionRow = Selectable<SessionsTable>
export type SessionStatus = SessionRow['status']

export interface SessionFilter {
  readonly kind?: SessionRow['kind']
  readonly application_id?: string
  readonly subject?: string
}

/** Sessions of a zone after a key, one more than a page holds. */
export function listSessions(db: Db, zoneId: string, page: PageRequest, filter: SessionFilter): Promise<SessionRow[]> {
  const { kind, application_id, subject } = filter
  let query = db.selectFrom('sessions').selectAll().where('zone_id', '=', zoneId)
  if (kind !== undefined) query = query.where('kind', '=', kind)
  if (application_id !== undefined) query = query.where('application_id', '=', application_id)
  if (subject !== undefined) query = query.where('subject', '=', subject)
  if (page.after !== null) query = query.where('id', '>', page.after)
  return query
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
}

export function findSession(db: Db | Tx, zoneId: string, id: string): Promise<SessionRow | undefined> {
  return db.selectFrom('sessions').selectAll().where('zone_id', '=', zoneId).where('id', '=', id).executeTakeFirst()
}

/** Gives a session another status and version, and tells the nodes. */
export async function setStatus(
  tx: Tx,
  zoneId: string,
  id: string,
  status: SessionStatus,
  reason: string | null,
): Promise<SessionRow> {
  const row = await tx
    .updateTable('sessions')
    .set((eb) => ({ status, status_reason: reason, version: eb('version', '+', 1) }))
    .where('zone_id', '=', zoneId)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
  await announce(tx, { topic: 'session', zoneId, id })
  return row
}

/** Revokes every session of a subject that is not revoked yet, and tells the nodes. */
export async function revokeSessionsOf(
  tx: Tx,
  zoneId: string,
  kind: SessionRow['kind'],
  subjectKey: string,
  reason: string | null,
): Promise<number> {
  const revoked = await tx
    .updateTable('sessions')
    .set((eb) => ({ status: 'revoked' as const, status_reason: reason, version: eb('version', '+', 1) }))
    .where('zone_id', '=', zoneId)
    .where('kind', '=', kind)
    .where('subject_key', '=', subjectKey)
    .where('status', '<>', 'revoked')
    .returning('id')
    .execute()
  await announce(tx, ...revoked.map(({ id }) => ({ topic: 'session' as const, zoneId, id })))
  return revoked.length
}

/** Refuses, from now on, tokens that were issued to a subject before `now` (milliseconds). */
export async function setCutoff(tx: Tx, zoneId: string, subjectKey: string, now: number): Promise<void> {
  await tx
    .insertInto('subject_cutoffs')
    .values({ zone_id: zoneId, subject_key: subjectKey, not_before: new Date(now) })
    .onConflict((conflict) =>
      conflict
        .columns(['zone_id', 'subject_key'])
        .doUpdateSet({ not_before: sql<Date>`greatest(subject_cutoffs.not_before, excluded.not_before)` }),
    )
    .execute()
}
