import { type Insertable, type Selectable, sql, type Updateable } from 'kysely'
import type { PageRequest } from '../../http/pagination.js'
import { ProblemError } from '../../http/problem.js'
import type { Db, Tx } from '../../store/database.js'
import type { Tables } from '../../store/tables.js'

/** Tables of what a zone administers: all keyed by zone and id, versioned, and deleted by a mark. */
export type NounTable = 'applications' | 'subject_issuers' | 'resources' | 'grants' | 'policies' | 'policy_sets'

interface KeptColumns {
  readonly zone_id: string
  readonly id: string
  readonly version: number
  readonly created_at: number
  readonly updated_at: number
  readonly deleted_at: number | null
}

export type Row<T extends NounTable> = Selectable<Tables[T]> & KeptColumns

type Kept = keyof KeptColumns
/** What a noun itself says of a new row. */
export type NewRow<T extends NounTable> = Omit<Insertable<Tables[T]>, Kept>
/** What a noun itself says of a changed row. */
export type ChangedRow<T extends NounTable> = Omit<Updateable<Tables[T]>, Kept>

// The tables share these columns and the generic queries name no other; Kysely cannot follow a type parameter, so one
// table stands for all.
const anyTable = (table: NounTable) => table as 'grants'

/** The rows of a zone that come after a key, one more than a page holds. `where` compares columns for equality. */
export async function listRows<T extends NounTable>(
  db: Db,
  table: T,
  zoneId: string,
  page: PageRequest,
  where: { readonly [column: string]: string } = {},
): Promise<Row<T>[]> {
  let query = db.selectFrom(anyTable(table)).selectAll().where('zone_id', '=', zoneId).where('deleted_at', 'is', null)
  for (const [column, value] of Object.entries(where)) query = query.where(sql.ref(column), '=', value)
  if (page.after !== null) query = query.where('id', '>', page.after)
  const rows = await query
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return rows as unknown as Row<T>[]
}

/** One row of a zone, unless it was deleted. */
export async function findRow<T extends NounTable>(
  db: Db | Tx,
  table: T,
  zoneId: string,
  id: string,
): Promise<Row<T> | undefined> {
  const row = await db
    .selectFrom(anyTable(table))
    .selectAll()
    .where('zone_id', '=', zoneId)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return row as unknown as Row<T> | undefined
}

/** @throws ProblemError 409 `already_exists` */
export async function insertRow<T extends NounTable>(
  tx: Tx,
  table: T,
  key: { readonly zoneId: string; readonly id: string; readonly now: number },
  row: NewRow<T>,
): Promise<Row<T>> {
  const at = new Date(key.now)
  const values = { ...row, zone_id: key.zoneId, id: key.id, created_at: at, updated_at: at }
  const inserted = await unique(
    tx
      .insertInto(anyTable(table))
      .values(values as unknown as Insertable<Tables['grants']>)
      .returningAll()
      .executeTakeFirstOrThrow(),
  )
  return inserted as unknown as Row<T>
}

/** Changes a row and its version. @throws ProblemError 409 `already_exists` */
export async function updateRow<T extends NounTable>(
  tx: Tx,
  table: T,
  key: { readonly zoneId: string; readonly id: string; readonly now: number },
  change: ChangedRow<T> | { readonly deleted_at: Date },
): Promise<Row<T>> {
  const updated = await unique(
    tx
      .updateTable(anyTable(table))
      .set(change as Updateable<Tables['grants']>)
      .set((eb) => ({ version: eb('version', '+', 1), updated_at: new Date(key.now) }))
      .where('zone_id', '=', key.zoneId)
      .where('id', '=', key.id)
      .returningAll()
      .executeTakeFirstOrThrow(),
  )
  return updated as unknown as Row<T>
}

/** Which of these ids are live rows of the zone. */
export async function liveIds(tx: Tx, table: NounTable, zoneId: string, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const rows = await tx
    .selectFrom(anyTable(table))
    .select('id')
    .where('zone_id', '=', zoneId)
    .where('id', 'in', ids)
    .where('deleted_at', 'is', null)
    .execute()
  return new Set(rows.map((row) => row.id))
}

/** Says clearly what a unique index refused. @throws ProblemError 409 `already_exists` */
export async function unique<T>(write: Promise<T>): Promise<T> {
  try {
    return await write
  } catch (error) {
    const { code, constraint } = error as { code?: string; constraint?: string }
    const what = code === '23505' ? UNIQUE[constraint ?? ''] : undefined
    if (what === undefined) throw error
    throw new ProblemError(409, 'already_exists', `${what} exists already`)
  }
}

const UNIQUE: { readonly [index: string]: string } = {
  zones_slug: 'a zone with this slug',
  subject_issuers_issuer: 'a subject issuer with this issuer and audience',
  resources_identifier: 'a resource with this identifier',
  resources_slug: 'a resource with this slug',
  policies_name: 'a policy with this name',
  policy_sets_name: 'a policy set with this name',
}
