import type { Insertable, Selectable } from 'kysely'
import type { PageRequest } from '../../http/pagination.js'
import type { Db, Tx } from '../../store/database.js'
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
export async function zoneExists(db: Db | Tx, zoneId: string): Promise<boolean> {
  const zone = await db
    .selectFrom('zones')
    .select('id')
    .where('id', '=', zoneId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return zone !== undefined
}

/** Tokens after a key, one more than a page holds; of one zone, or of all and the global ones. */
export function listTokens(db: Db, page: PageRequest, zoneId: string | null): Promise<AdminTokenRow[]> {
  return db
    .selectFrom('admin_tokens')
    .selectAll()
    .where('deleted_at', 'is', null)
    .$if(zoneId !== null, (query) => query.where('zone_id', '=', zoneId))
    .$if(page.after !== null, (query) => query.where('id', '>', page.after ?? ''))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
}

/** One token, unless it was revoked or is not of this zone (null for any). */
export function findToken(db: Db | Tx, id: string, zoneId: string | null): Promise<AdminTokenRow | undefined> {
  return db
    .selectFrom('admin_tokens')
    .selectAll()
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .$if(zoneId !== null, (query) => query.where('zone_id', '=', zoneId))
    .executeTakeFirst()
}

export function insertToken(tx: Tx, row: Insertable<AdminTokensTable>): Promise<AdminTokenRow> {
  return tx.insertInto('admin_tokens').values(row).returningAll().executeTakeFirstOrThrow()
}

export function updateToken(
  tx: Tx,
  id: string,
  change: { readonly name: string } | { readonly deleted_at: Date },
): Promise<AdminTokenRow> {
  return tx.updateTable('admin_tokens').set(change).where('id', '=', id).returningAll().executeTakeFirstOrThrow()
}
