import { BatchedRead } from '../store/batched-read.js'
import { uuidArray } from '../store/binary.js'
import { type Db, prepared, type Statement } from '../store/database.js'
import type { Session } from './session-anchors.js'
import type { ZoneSnapshot } from './snapshot.js'

interface Standing {
  readonly revision: number
  /** Null when the session is not active any more. */
  readonly version: number | null
}

/**
 * Tells whether what an answer was computed from is still so, for answers that no commit checks. Everyone who asks at
 * the same moment shares one read.
 */
export class Currency {
  readonly #reads: BatchedRead<Standing, Session | ZoneSnapshot>

  constructor(db: Db) {
    this.#reads = new BatchedRead((asked) => readStandings(db, asked))
  }

  holds(snapshot: ZoneSnapshot, session: Session | undefined): Promise<boolean> {
    return this.#reads.ask(session ?? snapshot).then((standing) => {
      if (standing?.revision !== snapshot.revision) return false
      return session === undefined || (session.zoneId === snapshot.zoneId && standing.version === session.version)
    })
  }
}

// The lists come out of subqueries so that nobody knows how long they are: planned for lists of a known length, the
// statement would be planned anew each time, and take three times as long.
const READ_STANDINGS: Statement = {
  name: 'standings',
  text: `
    SELECT q.n, h.revision, (
      SELECT version FROM sessions WHERE zone_id = q.zone AND id = q.session AND status = 'active'
        AND expires_at > (SELECT countersign.now())) AS version
    FROM unnest((SELECT $1::uuid[]), (SELECT $2::uuid[])) WITH ORDINALITY AS q(zone, session, n)
    CROSS JOIN LATERAL (SELECT revision FROM zone_heads WHERE zone_id = q.zone OFFSET 0) h`,
}

async function readStandings<T extends Session | ZoneSnapshot>(
  db: Db,
  asked: readonly T[],
): Promise<ReadonlyMap<T, Standing>> {
  const rows = await prepared<Standing & { n: number }>(db, READ_STANDINGS, [
    uuidArray(asked.map(({ zoneId }) => zoneId)),
    // Nothing has the id of a zone but the zone: no session is found.
    uuidArray(asked.map((of) => ('id' in of ? of.id : of.zoneId))),
  ])
  return new Map(rows.map((row) => [asked[row.n - 1] as T, row]))
}
