import { type RawBuilder, sql } from 'kysely'
import { hasSuccessor } from '../challenge/queries.js'
import { FAILURE_WINDOW_SECONDS } from '../commit/item.js'
import type { Db, Tx } from '../store/database.js'

/** How long what has ended stays to be looked at. */
const KEPT = sql`interval '24 hours'`
/** How many revisions of a zone a snapshot can be brought up from without loading it anew. */
const KEPT_REVISIONS = 1_000

/** The last challenges of some chains that ended in one zone. */
export interface EndedChains {
  readonly zoneId: string
  readonly ids: readonly string[]
}

/** Chains that ended a day ago. Their expiry bounds every end: what ended early is kept as long. */
export async function findEndedChains(db: Db, limit: number): Promise<EndedChains[]> {
  const rows = await sql<{ zone_id: string; ids: string[] }>`
    SELECT zone_id, array_agg(id) AS ids FROM (
      SELECT c.zone_id, c.id FROM step_up_challenges c
      WHERE c.expires_at <= (SELECT countersign.now()) - ${KEPT} AND ${isLast}
      ORDER BY c.expires_at LIMIT ${limit}) ended
    GROUP BY zone_id`.execute(db)
  return rows.rows.map((row) => ({ zoneId: row.zone_id, ids: row.ids }))
}

/** Removes chains by their last challenges, with secrets and proofs, under the zone's lock. */
export async function removeChains(tx: Tx, { zoneId, ids }: EndedChains): Promise<void> {
  // Each is looked up by itself: joined, all challenges of the zone would be read.
  await sql`
    WITH RECURSIVE ended AS (
      SELECT c.id, c.predecessor_id FROM step_up_challenges c
      WHERE c.zone_id = ${zoneId} AND c.id = ANY (${[...ids]}::uuid[])
        AND c.expires_at <= (SELECT countersign.now()) - ${KEPT} AND ${isLast}
      UNION
      SELECT p.id, p.predecessor_id FROM ended CROSS JOIN LATERAL (
        SELECT id, predecessor_id FROM step_up_challenges WHERE zone_id = ${zoneId} AND id = ended.predecessor_id OFFSET 0) p
    ), secrets AS (
      DELETE FROM challenge_secrets WHERE zone_id = ${zoneId} AND challenge_id = ANY (ARRAY(SELECT id FROM ended))
    ), proofs AS (
      DELETE FROM challenge_proofs WHERE zone_id = ${zoneId} AND challenge_id = ANY (ARRAY(SELECT id FROM ended))
    )
    DELETE FROM step_up_challenges WHERE zone_id = ${zoneId} AND id = ANY (ARRAY(SELECT id FROM ended))`.execute(tx)
}

const isLast = sql.raw(`NOT ${hasSuccessor('c')}`)

/** A kind of row that means nothing any more once its time is over: in which table, and which of them. */
export interface Stale {
  readonly table: string
  readonly key: readonly string[]
  readonly over: RawBuilder<boolean>
  /** The column to begin with; absent when none is indexed. */
  readonly oldest?: string
}

/** What is removed by its time alone, without a lock: nobody reads a row of these that is over. */
export const STALE: readonly Stale[] = [
  {
    table: 'once_values',
    key: ['zone_id', 'kind', 'key'],
    over: sql`expires_at <= (SELECT countersign.now())`,
    oldest: 'expires_at',
  },
  {
    table: 'recoveries',
    key: ['zone_id', 'application_id', 'key_hash'],
    over: sql`expires_at <= (SELECT countersign.now())`,
    oldest: 'expires_at',
  },
  {
    table: 'revoked_mandates',
    key: ['zone_id', 'jti'],
    over: sql`expires_at <= (SELECT countersign.now())`,
    oldest: 'expires_at',
  },
  {
    table: 'admin_answers',
    key: ['actor', 'key_hash'],
    over: sql`created_at <= (SELECT countersign.now()) - ${KEPT}`,
    oldest: 'created_at',
  },
  {
    table: 'challenge_throttles',
    key: ['zone_id', 'application_id', 'principal_id'],
    over: sql`coalesce(blocked_until, '-infinity') <= (SELECT countersign.now()) AND NOT EXISTS (
      SELECT FROM unnest(failures) AS failure
      WHERE failure > (SELECT countersign.now()) - ${FAILURE_WINDOW_SECONDS} * interval '1 second')`,
  },
  {
    table: 'zone_changes',
    key: ['zone_id', 'revision', 'kind', 'id'],
    over: sql`revision <= (
      SELECT head.revision - ${KEPT_REVISIONS} FROM zone_heads head WHERE head.zone_id = zone_changes.zone_id)`,
  },
]

/** Removes some rows that are over; whoever is at work on one now keeps it until the next time. */
export async function removeStale(db: Db, stale: Stale, limit: number): Promise<number> {
  const table = sql.table(stale.table)
  const key = sql.join(stale.key.map((column) => sql.ref(column)))
  const order = stale.oldest === undefined ? sql`` : sql`ORDER BY ${sql.ref(stale.oldest)}`
  const removed = await sql`
    DELETE FROM ${table} WHERE (${key}) IN (
      SELECT ${key} FROM ${table} WHERE ${stale.over} ${order} LIMIT ${limit} FOR UPDATE SKIP LOCKED)`.execute(db)
  return Number(removed.numAffectedRows ?? 0n)
}

const LOCK = sql`hashtextextended('countersign sweep', 0)`

/** Takes the right to sweep, for as long as this connection holds it; false when another node has it. */
export async function tryLock(db: Db): Promise<boolean> {
  const answer = await sql<{ taken: boolean }>`SELECT pg_try_advisory_lock(${LOCK}) AS taken`.execute(db)
  return answer.rows[0]?.taken ?? false
}

export async function unlock(db: Db): Promise<void> {
  await sql`SELECT pg_advisory_unlock(${LOCK})`.execute(db)
}
