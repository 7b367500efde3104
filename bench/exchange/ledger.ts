import { BrokenRun } from '../load/tally.js'
import type { Rig } from './rig.js'
import type { BenchZone } from './zone.js'

/** How many events a zone's ledger has had. */
export function ledgerSize(rig: Rig, zone: BenchZone): () => Promise<number> {
  return async () => {
    const { rows } = await rig.database.query<{ tree_size: string }>(
      'SELECT tree_size FROM zone_heads WHERE zone_id = $1',
      [zone.zoneId],
    )
    return Number(rows[0]?.tree_size)
  }
}

/** @throws BrokenRun when any of these events is not in the ledger */
export async function expectRecorded(rig: Rig, zone: BenchZone, eventIds: readonly string[]): Promise<void> {
  const { rows } = await rig.database.query<{ missing: string }>(
    `SELECT count(*) AS missing FROM unnest($2::uuid[]) AS asked(id)
      WHERE NOT EXISTS (SELECT FROM audit_events e WHERE e.zone_id = $1 AND e.id = asked.id)`,
    [zone.zoneId, eventIds],
  )
  const missing = Number(rows[0]?.missing)
  if (missing > 0) throw new BrokenRun(`${missing} of ${eventIds.length} answers with a mandate are not in the ledger`)
}
