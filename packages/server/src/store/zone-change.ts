import { sql } from 'kysely'
import type { Db, Tx } from './database.js'
import type { ChangeKind } from './tables.js'

/**
 * Takes the zone's lock, as the first statement of the transaction. Everything read afterwards is what stands, and no
 * exchange of this zone commits until the transaction ends: ledger order is effect order.
 *
 * @returns the database's time under the lock, or undefined for a zone that does not exist
 */
export async function lockZone(tx: Tx, zoneId: string): Promise<number | undefined> {
  const head = await sql<{ revision: number }>`
    SELECT revision FROM zone_heads WHERE zone_id = ${zoneId} FOR NO KEY UPDATE`.execute(tx)
  if (head.rows.length === 0) return undefined
  const clock = await sql<{ now: number }>`SELECT countersign.now() AS now`.execute(tx)
  return clock.rows[0]?.now
}

/** What has changed in a zone: the kind, and the id of the row. */
export interface Change {
  readonly kind: ChangeKind
  readonly id: string
}

/** Makes changes visible to every node: outcomes computed before this are stale from here on. The lock must be held. */
export async function bumpRevision(tx: Tx, zoneId: string, changes: readonly Change[]): Promise<number> {
  const bumped = await tx
    .updateTable('zone_heads')
    .set((eb) => ({ revision: eb('revision', '+', 1) }))
    .where('zone_id', '=', zoneId)
    .returning('revision')
    .executeTakeFirstOrThrow()
  await tx
    .insertInto('zone_changes')
    .values(changes.map((change) => ({ zone_id: zoneId, revision: bumped.revision, kind: change.kind, id: change.id })))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  await announce(tx, { topic: 'zone', zoneId, id: zoneId })
  return bumped.revision
}

/** News for the other nodes, delivered when the transaction commits. */
export interface News {
  readonly topic: 'zone' | 'session' | 'challenge' | 'clock'
  readonly zoneId: string
  readonly id: string
}

/** Sends news with the transaction. Rare things only: NOTIFY serialises commits across the database. */
export async function announce(db: Db | Tx, ...news: readonly News[]): Promise<void> {
  const texts = news.map((one) => JSON.stringify(one))
  await sql`SELECT pg_notify('countersign', said) FROM unnest(${texts}::text[]) AS said`.execute(db)
}
