import { type Selectable, sql } from 'kysely'
import type { PageRequest } from '../../http/pagination.js'
import type { Db, Tx } from '../../store/database.js'
import type { PolicyVersionsTable } from '../../store/tables.js'

export type PolicyVersionRow = Selectable<PolicyVersionsTable>

export interface NewVersion {
  readonly id: string
  readonly policyId: string
  readonly number: number
  readonly source: string | null
  /** JSON text. */
  readonly data: string | null
  readonly sha256: string
  readonly now: number
  readonly by: string
}

export async function insertVersion(tx: Tx, zoneId: string, version: NewVersion): Promise<PolicyVersionRow> {
  return tx
    .insertInto('policy_versions')
    .values({
      zone_id: zoneId,
      id: version.id,
      policy_id: version.policyId,
      number: version.number,
      source: version.source,
      data: version.data,
      sha256: version.sha256,
      created_at: new Date(version.now),
      created_by: version.by,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** The newest version of each policy, without its content. */
export async function latestVersions(
  db: Db | Tx,
  zoneId: string,
  policyIds: readonly string[],
): Promise<ReadonlyMap<string, Pick<PolicyVersionRow, 'id' | 'number' | 'sha256'>>> {
  if (policyIds.length === 0) return new Map()
  const rows = await db
    .selectFrom('policy_versions')
    .distinctOn('policy_id')
    .select(['policy_id', 'id', 'number', 'sha256'])
    .where('zone_id', '=', zoneId)
    .where('policy_id', 'in', policyIds)
    .orderBy('policy_id')
    .orderBy('number', 'desc')
    .execute()
  return new Map(rows.map((row) => [row.policy_id, row]))
}

/** Versions of a policy after a key, one more than a page holds, without their content. */
export function listVersions(db: Db, zoneId: string, policyId: string, page: PageRequest) {
  return db
    .selectFrom('policy_versions')
    .select(['id', 'number', 'sha256', 'created_at', 'created_by'])
    .where('zone_id', '=', zoneId)
    .where('policy_id', '=', policyId)
    .$if(page.after !== null, (query) => query.where('id', '>', page.after ?? ''))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
}

export function findVersion(
  db: Db,
  zoneId: string,
  policyId: string,
  id: string,
): Promise<PolicyVersionRow | undefined> {
  return db
    .selectFrom('policy_versions')
    .selectAll()
    .where('zone_id', '=', zoneId)
    .where('policy_id', '=', policyId)
    .where('id', '=', id)
    .executeTakeFirst()
}

/** Whether the zone's active policy set has a version of this policy. */
export async function isInForce(tx: Tx, zoneId: string, policyId: string): Promise<boolean> {
  const found = await sql`
    SELECT FROM zone_heads h
    JOIN policy_set_versions s ON s.zone_id = h.zone_id AND s.id = h.active_set_version_id
    JOIN policy_versions v ON v.zone_id = h.zone_id AND v.id = ANY (s.policy_versions)
    WHERE h.zone_id = ${zoneId} AND v.policy_id = ${policyId} LIMIT 1`.execute(tx)
  return found.rows.length > 0
}
