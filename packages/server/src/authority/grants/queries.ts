import type { Db, Tx } from '../../store/database.js'
import type { Change } from '../../store/zone-change.js'

/** The identifiers of resources, by id; also of deleted ones, which grants may still name. */
export async function resourceIdentifiers(
  db: Db | Tx,
  zoneId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map()
  const rows = await db
    .selectFrom('resources')
    .select(['id', 'identifier'])
    .where('zone_id', '=', zoneId)
    .where('id', 'in', ids)
    .execute()
  return new Map(rows.map((row) => [row.id, row.identifier]))
}

/** The live resource of an identifier. */
export function findResource(tx: Tx, zoneId: string, identifier: string) {
  return tx
    .selectFrom('resources')
    .select(['id', 'scopes'])
    .where('zone_id', '=', zoneId)
    .where('identifier', '=', identifier)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
}

/** Deletes every grant of an application or for a resource: none can stand without both. */
export async function deleteGrants(
  tx: Tx,
  zoneId: string,
  now: number,
  column: 'application_id' | 'resource_id',
  id: string,
): Promise<readonly Change[]> {
  const at = new Date(now)
  const deleted = await tx
    .updateTable('grants')
    .set((eb) => ({ deleted_at: at, updated_at: at, version: eb('version', '+', 1) }))
    .where('zone_id', '=', zoneId)
    .where(column, '=', id)
    .where('deleted_at', 'is', null)
    .returning('id')
    .execute()
  return deleted.map((row) => ({ kind: 'grant', id: row.id }))
}
