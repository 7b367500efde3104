import type { Tx } from '../../store/database.js'
import { unprocessable } from './checks.js'
import { liveIds, type NounTable } from './rows.js'

/**
 * Checks that what a body refers to exists in the zone. Another zone's row is answered like one that never was.
 *
 * @throws ProblemError 422 `unknown_<what>`
 */
export async function checkReferences(
  tx: Tx,
  zoneId: string,
  references: {
    readonly table: NounTable
    readonly what: string
    readonly field: string
    readonly ids: readonly string[]
  },
): Promise<void> {
  const { table, what, field, ids } = references
  const live = await liveIds(tx, table, zoneId, ids)
  if (ids.some((id) => !live.has(id))) {
    throw unprocessable(`unknown_${what}`, `${field} names no ${what.replaceAll('_', ' ')} of this zone`)
  }
}
