import { BatchedRead } from '../store/batched-read.js'
import { type Db, prepared, type Statement } from '../store/database.js'
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

const READ_STANDINGS: Statement = {
  name: 'standings',
  text: `
    SELECT q.key, h.revision, (
      SELECT version FROM sessions WHERE zone_id = q.zone AND id = q.session AND status = 'active'
        AND expires_at > (SELECT countersign.now())) AS session_version
    FROM jsonb_to_recordset($1::jsonb) AS q(key text, zone uuid, session uuid)
    CROSS JOIN LATERAL (SELECT revision FROM zone_heads WHERE zone_id = q.zone OFFSET 0) h`,
}

async function readStandings(db: Db, keys: readonly string[]): Promise<ReadonlyMap<string, Standing>> {
  const asked = keys.map((key) => {
    const [zone, session] = key.split(' ')
    return { key, zone, session: session === '' ? null : session }
  })
  const found = await prepared<{ key: string; revision: number; session_version: number | null }>(db, READ_STANDINGS, [
    JSON.stringify(asked),
  ])
  return new Map(found.map((row) => [row.key, { revision: row.revision, sessionVersion: row.session_version }]))
}
