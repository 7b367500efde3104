import { sql } from 'kysely'
import type { Db } from '../../store/database.js'

/** A message of the outbox that this node has taken to deliver. Instants in milliseconds. */
export interface OutboxMessage {
  readonly zoneId: string
  readonly id: string
  readonly payload: string
  /** This attempt counted: 1 for the first. */
  readonly attempts: number
  readonly createdAt: number
  /** The database's time when it was taken. */
  readonly now: number
}

export interface Claim {
  readonly limit: number
  /** How many of one zone at most, so that a receiver that hangs holds up its own zone alone. */
  readonly perZone: number
  /** Zones of which this node takes no more for now. */
  readonly except: readonly string[]
  /** For how long nobody else takes them; whoever dies with a message gives it back by this. */
  readonly leaseSeconds: number
}

const LOOK_AHEAD = 1_000

/** Takes messages that are due, and that no other node is taking. */
export async function claimMessages(db: Db, claim: Claim): Promise<OutboxMessage[]> {
  const rows = await sql<OutboxRow>`
    WITH due AS (
      SELECT zone_id, id, next_attempt_at FROM webhook_outbox
      WHERE next_attempt_at <= (SELECT countersign.now()) AND zone_id <> ALL (${[...claim.except]}::uuid[])
      ORDER BY next_attempt_at LIMIT ${LOOK_AHEAD}
    ), ranked AS (
      SELECT zone_id, id, row_number() OVER (PARTITION BY zone_id ORDER BY next_attempt_at) AS place FROM due
    ), taken AS (
      SELECT zone_id, id FROM webhook_outbox
      WHERE (zone_id, id) IN (SELECT zone_id, id FROM ranked WHERE place <= ${claim.perZone})
        AND next_attempt_at <= (SELECT countersign.now())
      ORDER BY next_attempt_at LIMIT ${claim.limit} FOR UPDATE SKIP LOCKED
    )
    UPDATE webhook_outbox o SET attempts = o.attempts + 1,
      next_attempt_at = (SELECT countersign.now()) + ${claim.leaseSeconds} * interval '1 second'
    FROM taken WHERE o.zone_id = taken.zone_id AND o.id = taken.id
    RETURNING o.zone_id, o.id, o.payload, o.attempts, o.created_at, (SELECT countersign.now()) AS now`.execute(db)
  return rows.rows.map((row) => ({
    zoneId: row.zone_id,
    id: row.id,
    payload: row.payload,
    attempts: row.attempts,
    createdAt: row.created_at,
    now: row.now,
  }))
}

interface OutboxRow {
  zone_id: string
  id: string
  payload: string
  attempts: number
  created_at: number
  now: number
}

/** Removes a message that was delivered, or that nobody will take any more. */
export async function removeMessage(db: Db, message: Pick<OutboxMessage, 'zoneId' | 'id'>): Promise<void> {
  await db.deleteFrom('webhook_outbox').where('zone_id', '=', message.zoneId).where('id', '=', message.id).execute()
}

/** Puts a message off. */
export async function postponeMessage(
  db: Db,
  message: Pick<OutboxMessage, 'zoneId' | 'id'>,
  delayMs: number,
): Promise<void> {
  await sql`
    UPDATE webhook_outbox SET next_attempt_at = (SELECT countersign.now()) + ${delayMs} * interval '1 millisecond'
    WHERE zone_id = ${message.zoneId} AND id = ${message.id}`.execute(db)
}
