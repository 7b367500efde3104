import type { Selectable } from 'kysely'
import type { Db } from '../../store/database.js'
import type { AdminTokensTable } from '../../store/tables.js'

export type AdminTokenRow = Selectable<AdminTokensTable>

/** The token with this SHA-256, unless it was revoked or its zone deleted. */
export function findTokenByHash(db: Db, hash: Buffer): Promise<AdminTokenRow | undefined> {
  return db
    .selectFrom('admin_tokens')
    .leftJoin('zones', 'zones.id', 'admin_tokens.zone_id')
    .selectAll('admin_tokens')
    .where('hash', '=', hash)
    .where('admin_tokens.deleted_at', 'is', null)
    .where((eb) => eb.or([eb('admin_tokens.zone_id', 'is', null), eb('zones.deleted_at', 'is', null)]))
    .executeTakeFirst()
}

/** Whether a zone exists and was not deleted. */
export async function zoneExists(db: Db, zoneId: string): Promise<boolean> {
  const zone = await db
    .selectFrom('zones')
    .select('id')
    .where('id', '=', zoneId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return zone !== undefined
}
