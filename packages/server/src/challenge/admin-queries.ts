import type { ChallengeState, ChallengeType, Identity } from '@countersign/protocol'
import { type RawBuilder, sql } from 'kysely'
import type { Db, Tx } from '../store/database.js'
import { type ChallengeRow, hasSuccessor, proofsOf, storedChallenge } from './queries.js'
import type { Proof, StoredChallenge } from './record.js'

/** A challenge as an administrator sees it, with its state by the database's time. */
export interface ListedChallenge extends StoredChallenge {
  readonly state: ChallengeState
  readonly applicationName: string | null
  readonly hasSuccessor: boolean
}

/** Which challenges to list; `after` is the id that the page before ended with. */
export interface ChallengeFilter {
  readonly state?: ChallengeState | undefined
  readonly type?: ChallengeType | undefined
  /** The id of an identity, whatever its kind and issuer, or a whole identity key. */
  readonly principal?: string | undefined
  readonly after: string | null
  readonly limit: number
}

/** One page of a zone's challenges, newest first. Ids are ordered by their creation and unique: no row is skipped. */
export async function listChallenges(db: Db, zoneId: string, filter: ChallengeFilter): Promise<ListedChallenge[]> {
  const conditions = [sql<boolean>`c.zone_id = ${zoneId}`]
  if (filter.state !== undefined) conditions.push(sql`${STATE} = ${filter.state}`)
  if (filter.type !== undefined) conditions.push(sql`c.challenge_type = ${filter.type}`)
  if (filter.principal !== undefined) conditions.push(isPrincipal(filter.principal))
  if (filter.after !== null) conditions.push(sql`c.id < ${filter.after}`)
  return selectListed(db, sql`${sql.join(conditions, sql` AND `)} ORDER BY c.id DESC LIMIT ${filter.limit}`)
}

/** One challenge as an administrator sees it. */
export async function getChallenge(db: Db, zoneId: string, id: string): Promise<ListedChallenge | undefined> {
  return (await selectListed(db, sql`c.zone_id = ${zoneId} AND c.id = ${id}`))[0]
}

// The key of an identity is the JSON of [kind, issuer, id], so its end is the id; a quote within one is escaped.
function isPrincipal(principal: string): RawBuilder<boolean> {
  const end = `,${JSON.stringify(principal)}]`
  return sql<boolean>`(c.principal_id = ${principal} OR right(c.principal_id, ${[...end].length}) = ${end})`
}

async function selectListed(db: Db, where: RawBuilder<unknown>): Promise<ListedChallenge[]> {
  const rows = await sql<ListedRow>`
    SELECT c.*, ${STATE} AS state, a.name AS application_name, ${sql.raw(hasSuccessor('c'))} AS has_successor,
      ${sql.raw(proofsOf('c'))} AS proofs
    FROM step_up_challenges c
      LEFT JOIN applications a ON a.zone_id = c.zone_id AND a.id = c.application_id
    WHERE ${where}`.execute(db)
  return rows.rows.map((row) => ({
    ...storedChallenge(row),
    state: row.state,
    applicationName: row.application_name,
    hasSuccessor: row.has_successor,
  }))
}

interface ListedRow extends ChallengeRow {
  state: ChallengeState
  application_name: string | null
  has_successor: boolean
}

// The precedence of domain `challengeState`, at one moment for the whole query.
const STATE = sql<ChallengeState>`CASE
  WHEN c.consumed_at IS NOT NULL THEN 'consumed'
  WHEN c.rejected_at IS NOT NULL THEN 'rejected'
  WHEN c.expires_at <= (SELECT countersign.now()) THEN 'expired'
  WHEN c.satisfied_at IS NOT NULL THEN 'satisfied'
  ELSE 'pending' END`

/** A challenge as it stands under the zone's lock. */
export async function readLocked(tx: Tx, zoneId: string, id: string): Promise<StoredChallenge | undefined> {
  const rows = await sql<ChallengeRow>`
    SELECT c.*, ${sql.raw(proofsOf('c'))} AS proofs FROM step_up_challenges c
    WHERE c.zone_id = ${zoneId} AND c.id = ${id}`.execute(tx)
  const row = rows.rows[0]
  return row === undefined ? undefined : storedChallenge(row)
}

/**
 * The present owners of applications and everyone who was ever shown one of their secrets. Deleted applications and
 * ended secrets count: who knew one yesterday made the request as much as who knows one today.
 */
export async function readPresentRequesters(
  tx: Tx,
  zoneId: string,
  applicationIds: readonly string[],
): Promise<Identity[]> {
  const rows = await sql<{ who: Identity }>`
    SELECT owner AS who FROM applications
      WHERE zone_id = ${zoneId} AND id = ANY (${[...applicationIds]}::uuid[]) AND owner IS NOT NULL
    UNION ALL
    SELECT shown_to FROM application_secrets
      WHERE zone_id = ${zoneId} AND application_id = ANY (${[...applicationIds]}::uuid[]) AND shown_to IS NOT NULL`.execute(
    tx,
  )
  return rows.rows.map((row) => row.who)
}

export async function insertProof(tx: Tx, zoneId: string, challengeId: string, proof: Proof): Promise<void> {
  await tx
    .insertInto('challenge_proofs')
    .values({
      zone_id: zoneId,
      challenge_id: challengeId,
      owner_key: proof.ownerKey,
      approver: proof.approver,
      owner: JSON.stringify(proof.owner),
      method: proof.method,
      aal: proof.aal,
      amr: [...proof.amr],
      auth_time: proof.authTime === null ? null : new Date(proof.authTime),
      evidence: proof.evidence === null ? null : JSON.stringify(proof.evidence),
      reason: proof.reason,
      at: new Date(proof.at),
    })
    .execute()
}

export async function markSatisfied(
  tx: Tx,
  zoneId: string,
  id: string,
  at: number,
  reason: string | null,
): Promise<void> {
  await tx
    .updateTable('step_up_challenges')
    .set({ satisfied_at: new Date(at), decision_reason: reason })
    .where('zone_id', '=', zoneId)
    .where('id', '=', id)
    .execute()
}

/**
 * Rejects a challenge and whatever stands on it, unless it is over.
 *
 * @returns the ids of what is rejected now
 */
export async function markRejected(
  tx: Tx,
  zoneId: string,
  id: string,
  at: number,
  reason: string | null,
): Promise<string[]> {
  // Each is looked up by itself, and whether it is over is asked apart from that: joined, or by the index of the live ones, all
  // of the zone or all of them would be read. Under the zone's lock nothing changes between the two.
  const rows = await sql<{ id: string }>`
    WITH RECURSIVE standing AS (
      SELECT zone_id, id, consumed_at, rejected_at, expires_at FROM step_up_challenges
      WHERE zone_id = ${zoneId} AND id = ${id}
      UNION ALL
      SELECT n.* FROM standing CROSS JOIN LATERAL (
        SELECT zone_id, id, consumed_at, rejected_at, expires_at FROM step_up_challenges
        WHERE predecessor_id = standing.id OFFSET 0) n
      WHERE n.zone_id = ${zoneId}
    )
    UPDATE step_up_challenges c SET rejected_at = ${new Date(at)}, decision_reason = ${reason}
    WHERE c.zone_id = ${zoneId} AND c.id = ANY (ARRAY(SELECT id FROM standing
      WHERE consumed_at IS NULL AND rejected_at IS NULL AND expires_at > ${new Date(at)}))
    RETURNING c.id`.execute(tx)
  return rows.rows.map((row) => row.id)
}
