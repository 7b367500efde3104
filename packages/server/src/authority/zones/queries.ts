import type { Updateable } from 'kysely'
import type { PageRequest } from '../../http/pagination.js'
import type { Db, Tx } from '../../store/database.js'
import type { ZonesTable } from '../../store/tables.js'
import { unique } from '../administration/rows.js'

function live(db: Db | Tx) {
  return db
    .selectFrom('zones')
    .innerJoin('zone_heads', 'zone_heads.zone_id', 'zones.id')
    .select(['id', 'slug', 'name', 'version', 'created_at', 'updated_at', 'revision', 'policy_version'])
    .where('deleted_at', 'is', null)
}

export type ZoneRow = Awaited<ReturnType<typeof listZones>>[number]

/** Zones after a key, one more than a page holds; only one zone for an actor that has only one. */
export function listZones(db: Db, page: PageRequest, only: string | null) {
  return live(db)
    .$if(only !== null, (query) => query.where('id', '=', only ?? ''))
    .$if(page.after !== null, (query) => query.where('id', '>', page.after ?? ''))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
}

export function findZone(db: Db | Tx, id: string): Promise<ZoneRow | undefined> {
  return live(db).where('id', '=', id).executeTakeFirst()
}

/** @throws ProblemError 409 `already_exists` */
export async function insertZone(tx: Tx, zone: { id: string; slug: string; name: string; now: number }): Promise<void> {
  const { id, slug, name } = zone
  const at = new Date(zone.now)
  await unique(
    tx.insertInto('zones').values({ id, slug, name, settings: '{}', created_at: at, updated_at: at }).execute(),
  )
  await tx.insertInto('zone_heads').values({ zone_id: id, active_set_version_id: null }).execute()
}

/** Changes a zone and its version. @throws ProblemError 409 `already_exists` */
export async function updateZone(
  tx: Tx,
  id: string,
  now: number,
  change: Omit<Updateable<ZonesTable>, 'id' | 'version' | 'updated_at'>,
): Promise<void> {
  await unique(
    tx
      .updateTable('zones')
      .set(change)
      .set((eb) => ({ version: eb('version', '+', 1), updated_at: new Date(now) }))
      .where('id', '=', id)
      .execute(),
  )
}
