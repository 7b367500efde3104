import { type Selectable, sql } from 'kysely'
import type { PageRequest } from '../../http/pagination.js'
import type { Db, Tx } from '../../store/database.js'
import type { PolicySetVersionsTable } from '../../store/tables.js'

export type SetVersionRow = Selectable<PolicySetVersionsTable>

export function insertSetVersion(
  tx: Tx,
  version: {
    zoneId: string
    id: string
    setId: string
    number: number
    policyVersions: readonly string[]
    now: number
    by: string
  },
): Promise<SetVersionRow> {
  return tx
    .insertInto('policy_set_versions')
    .values({
      zone_id: version.zoneId,
      id: version.id,
      policy_set_id: version.setId,
      number: version.number,
      policy_versions: [...version.policyVersions],
      created_at: new Date(version.now),
      created_by: version.by,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** The newest version of each set. */
export async function latestSetVersions(
  db: Db | Tx,
  zoneId: string,
  setIds: readonly string[],
): Promise<ReadonlyMap<string, SetVersionRow>> {
  if (setIds.length === 0) return new Map()
  const rows = await db
    .selectFrom('policy_set_versions')
    .distinctOn('policy_set_id')
    .selectAll()
    .where('zone_id', '=', zoneId)
    .where('policy_set_id', 'in', setIds)
    .orderBy('policy_set_id')
    .orderBy('number', 'desc')
    .execute()
  return new Map(rows.map((row) => [row.policy_set_id, row]))
}

/** Versions of a set after a key, one more than a page holds. */
export function listSetVersions(db: Db, zoneId: string, setId: string, page: PageRequest): Promise<SetVersionRow[]> {
  return db
    .selectFrom('policy_set_versions')
    .selectAll()
    .where('zone_id', '=', zoneId)
    .where('policy_set_id', '=', setId)
    .$if(page.after !== null, (query) => query.where('id', '>', page.after ?? ''))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
}

export function findSetVersion(
  db: Db | Tx,
  zoneId: string,
  setId: string,
  id: string,
): Promise<SetVersionRow | undefined> {
  return db
    .selectFrom('policy_set_versions')
    .selectAll()
    .where('zone_id', '=', zoneId)
    .where('policy_set_id', '=', setId)
    .where('id', '=', id)
    .executeTakeFirst()
}

/** A version of a policy that a set would have. */
export interface Member {
  readonly versionId: string
  readonly policyId: string
  readonly name: string
  readonly path: string | null
  readonly source: string | null
  readonly data: unknown
}

/** The policy versions of these ids whose policies were not deleted. */
export async function findMembers(db: Db | Tx, zoneId: string, versionIds: readonly string[]): Promise<Member[]> {
  if (versionIds.length === 0) return []
  const rows = await db
    .selectFrom('policy_versions as v')
    .innerJoin('policies as p', (join) => join.onRef('p.zone_id', '=', 'v.zone_id').onRef('p.id', '=', 'v.policy_id'))
    .select(['v.id as versionId', 'v.policy_id as policyId', 'p.name', 'p.path', 'v.source', 'v.data'])
    .where('v.zone_id', '=', zoneId)
    .where('v.id', 'in', versionIds)
    .where('p.deleted_at', 'is', null)
    .execute()
  return rows
}

/** The set version in force in a zone, and how often one was activated. */
export function readActive(db: Db | Tx, zoneId: string) {
  return db
    .selectFrom('zone_heads as h')
    .leftJoin('policy_set_versions as v', (join) =>
      join.onRef('v.zone_id', '=', 'h.zone_id').onRef('v.id', '=', 'h.active_set_version_id'),
    )
    .select(['h.policy_version', 'h.active_set_version_id', 'v.policy_set_id', 'v.number'])
    .where('h.zone_id', '=', zoneId)
    .executeTakeFirst()
}

/** Puts a set version in force and notes it; `policy_version` grows. */
export async function activate(
  tx: Tx,
  activation: { zoneId: string; setId: string; versionId: string; now: number; by: string },
): Promise<number> {
  const { zoneId, versionId } = activation
  const { policy_version } = await tx
    .updateTable('zone_heads')
    .set((eb) => ({ policy_version: eb('policy_version', '+', 1), active_set_version_id: versionId }))
    .where('zone_id', '=', zoneId)
    .returning('policy_version')
    .executeTakeFirstOrThrow()
  await tx
    .insertInto('policy_activations')
    .values({
      zone_id: zoneId,
      policy_version,
      policy_set_id: activation.setId,
      set_version_id: versionId,
      activated_at: new Date(activation.now),
      activated_by: activation.by,
    })
    .execute()
  return policy_version
}

/** The version of a set that was in force most recently among those with a lower number. */
export async function previousActivation(
  tx: Tx,
  zoneId: string,
  setId: string,
  below: number,
): Promise<SetVersionRow | undefined> {
  const found = await sql<SetVersionRow>`
    SELECT v.* FROM policy_activations a
    JOIN policy_set_versions v ON v.zone_id = a.zone_id AND v.id = a.set_version_id
    WHERE a.zone_id = ${zoneId} AND a.policy_set_id = ${setId} AND v.number < ${below}
    ORDER BY a.policy_version DESC LIMIT 1`.execute(tx)
  return found.rows[0]
}
