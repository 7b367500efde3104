import { sql } from 'kysely'
import { BatchedRead } from '../store/batched-read.js'
import type { Db } from '../store/database.js'
import type { Session } from './session-anchors.js'
import type { ZoneSnapshot } from './snapshot.js'

interface Standing {
  readonly revision: number
  /** Null when the session is not active any more. */
  readonly sessionVersion: number | null
}

/**
 * Tells whether what an answer was computed from is still so, for answers that no commit checks. Everyone who asks at
 * the same moment shares one read.
 */
export class Currency {
  readonly #reads: BatchedRead<Standing>

  constructor(db: Db) {
    this.#reads = new BatchedRead((keys) => readStandings(db, keys))
  }

  async holds(snapshot: ZoneSnapshot, session: Session | undefined): Promise<boolean> {
    const standing = await this.#reads.ask(`${snapshot.zoneId} ${session?.id ?? ''}`)
    if (standing?.revision !== snapshot.revision) return false
    return session === undefined || standing.sessionVersion === session.version
  }
}

async function readStandings(db: Db, keys: readonly string[]): Promise<ReadonlyMap<string, Standing>> {
  const asked = keys.map((key) => {
    const [zone, session] = key.split(' ')
    return { key, zone, session: session === '' ? null : session }
  })
  const found = await sql<{ key: string; revision: number; session_version: number | null }>`
    SELECT q.key, h.revision, s.version AS session_version
    FROM jsonb_to_recordset(${JSON.stringify(asked)}::jsonb) AS q(key text, zone uuid, session uuid)
    JOIN zone_heads h ON h.zone_id = q.zone
    LEFT JOIN sessions s ON s.zone_id = q.zone AND s.id = q.session AND s.status = 'active'
      AND s.expires_at > countersign.now()`.execute(db)
  return new Map(found.rows.map((row) => [row.key, { revision: row.revision, sessionVersion: row.session_version }]))
}
