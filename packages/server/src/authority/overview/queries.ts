import { sql } from 'kysely'
import type { Db } from '../../store/database.js'

/** How much a zone holds. */
export interface Overview {
  readonly revision: number
  readonly policy_version: number
  readonly active_set_version_id: string | null
  readonly applications: number
  readonly subject_issuers: number
  readonly resources: number
  readonly grants: number
  readonly policies: number
  readonly policy_sets: number
  readonly active_sessions: number
  readonly pending_challenges: number
  readonly audit_events: number
}

const MOST_COUNTED = 10_000

/** Counts in one statement, so that the figures belong together. Sessions and challenges are counted up to a limit. */
export async function readOverview(db: Db, zoneId: string): Promise<Overview | undefined> {
  const live = (table: string) =>
    sql`(SELECT count(*) FROM ${sql.table(table)} WHERE zone_id = h.zone_id AND deleted_at IS NULL)`
  const found = await sql<Overview>`
    SELECT h.revision, h.policy_version, h.active_set_version_id,
      ${live('applications')} AS applications, ${live('subject_issuers')} AS subject_issuers,
      ${live('resources')} AS resources, ${live('grants')} AS grants,
      ${live('policies')} AS policies, ${live('policy_sets')} AS policy_sets,
      (SELECT count(*) FROM (SELECT FROM sessions s WHERE s.zone_id = h.zone_id AND s.status = 'active'
        AND s.expires_at > (SELECT countersign.now()) LIMIT ${MOST_COUNTED}) counted) AS active_sessions,
      (SELECT count(*) FROM (SELECT FROM step_up_challenges c WHERE c.zone_id = h.zone_id AND c.consumed_at IS NULL
        AND c.rejected_at IS NULL AND c.satisfied_at IS NULL AND c.expires_at > (SELECT countersign.now())
        LIMIT ${MOST_COUNTED}) counted) AS pending_challenges,
      h.tree_size AS audit_events
    FROM zone_heads h WHERE h.zone_id = ${zoneId}`.execute(db)
  return found.rows[0]
}
