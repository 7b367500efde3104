import { type ChallengeState, challengeState } from '@countersign/protocol'
import { sql } from 'kysely'
import type { Db } from '../../store/database.js'

/** Where a challenge stands, by the database's time. Instants in milliseconds. */
export interface Standing {
  readonly state: ChallengeState
  readonly expiresAt: number
  readonly now: number
}

/** What many waiters ask for in one query; the zone is part of the key, so a challenge of another one is not found. */
export function standingKey(zoneId: string, id: string): string {
  return `${zoneId}/${id}`
}

/** Reads where challenges stand, by {@link standingKey}. */
export async function readStandings(db: Db, keys: readonly string[]): Promise<Map<string, Standing>> {
  const pairs = keys.map((key) => key.split('/'))
  const rows = await sql<StandingRow>`
    SELECT c.zone_id, c.id, c.expires_at, c.satisfied_at, c.rejected_at, c.consumed_at,
      (SELECT countersign.now()) AS now
    FROM unnest(${pairs.map(([zoneId]) => zoneId)}::uuid[], ${pairs.map(([, id]) => id)}::uuid[]) AS asked(zone_id, id)
      JOIN step_up_challenges c ON c.zone_id = asked.zone_id AND c.id = asked.id`.execute(db)
  const standings = new Map<string, Standing>()
  for (const row of rows.rows) {
    const instants = {
      expiresAt: row.expires_at,
      satisfiedAt: row.satisfied_at,
      rejectedAt: row.rejected_at,
      consumedAt: row.consumed_at,
    }
    const state = challengeState(instants, row.now)
    standings.set(standingKey(row.zone_id, row.id), { state, expiresAt: row.expires_at, now: row.now })
  }
  return standings
}

interface StandingRow {
  zone_id: string
  id: string
  expires_at: number
  satisfied_at: number | null
  rejected_at: number | null
  consumed_at: number | null
  now: number
}

/** The origins whose pages may call for an application; undefined when it is gone, or its zone is. */
export async function readOrigins(
  db: Db,
  zoneId: string,
  applicationId: string,
): Promise<readonly string[] | undefined> {
  const application = await db
    .selectFrom('applications')
    .innerJoin('zones', 'zones.id', 'applications.zone_id')
    .select('applications.origins')
    .where('applications.zone_id', '=', zoneId)
    .where('applications.id', '=', applicationId)
    .where('applications.deleted_at', 'is', null)
    .where('zones.deleted_at', 'is', null)
    .executeTakeFirst()
  return application?.origins
}
