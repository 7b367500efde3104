import type { Db, Tx } from '../../store/database.js'
import type { ZoneSettings } from '../../store/tables.js'

export interface StoredSettings {
  readonly settings: ZoneSettings
  readonly version: number
}

export function readSettings(db: Db | Tx, zoneId: string): Promise<StoredSettings | undefined> {
  return db
    .selectFrom('zones')
    .select(['settings', 'version'])
    .where('id', '=', zoneId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
}

export function writeSettings(
  tx: Tx,
  zoneId: string,
  now: number,
  settings: ZoneSettings,
): Promise<{ version: number }> {
  return tx
    .updateTable('zones')
    .set((eb) => ({
      settings: JSON.stringify(settings),
      version: eb('version', '+', 1),
      updated_at: new Date(now),
    }))
    .where('id', '=', zoneId)
    .returning('version')
    .executeTakeFirstOrThrow()
}
