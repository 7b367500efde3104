import type { ChallengeType, Identity } from '@countersign/protocol'
import { sql } from 'kysely'
import { BatchedRead, numbered } from '../store/batched-read.js'
import { type Db, prepared, type Statement, type Tx } from '../store/database.js'
import { isId } from '../store/ids.js'
import type { Demand } from '../store/tables.js'
import type { ChallengeRecord, Proof, StoredChallenge, Throttle } from './record.js'

/** What {@link readChallenge} found, with the database's time when it looked. */
export interface ChallengeReading {
  readonly now: number
  readonly challenge: ChallengeRecord | undefined
  readonly throttle: Throttle | null
}

/** Whose throttle counts: the authenticated application, and the principal it asks for. */
export interface Caller {
  readonly applicationId: string
  readonly principalId: string
}

/**
 * Reads a challenge with its secrets, its proofs and the challenges it stands on, and the caller's throttle, all at one
 * moment after it was asked for; everyone who asks at the same moment shares the read. An id that is not one, or not of
 * this zone, gives no challenge; the throttle is read all the same.
 */
export async function readChallenge(
  db: Db,
  zoneId: string,
  id: string,
  caller: Caller | null = null,
): Promise<ChallengeReading> {
  const asked = {
    zone: zoneId,
    id: isId(id) ? id : null,
    application: caller?.applicationId ?? null,
    principal: caller?.principalId ?? null,
  }
  const reading = await readingsOf(db).ask(JSON.stringify(asked))
  if (reading === undefined) throw new Error('the query for challenges gives a row for whatever is asked')
  return reading
}

const readings = new WeakMap<Db, BatchedRead<ChallengeReading>>()

function readingsOf(db: Db): BatchedRead<ChallengeReading> {
  const held = readings.get(db) ?? new BatchedRead((keys) => readChallenges(db, keys))
  readings.set(db, held)
  return held
}

const READ_CHALLENGES: Statement = {
  name: 'challenges',
  text: `
    WITH RECURSIVE asked AS (
      SELECT * FROM jsonb_to_recordset($1::jsonb) AS a(n int, zone uuid, id uuid, application uuid, principal text)
    ), chain AS (
      SELECT asked.n, 0 AS depth, c.* FROM asked, LATERAL (
        SELECT * FROM step_up_challenges WHERE zone_id = asked.zone AND id = asked.id OFFSET 0) c
      UNION ALL
      SELECT chain.n, chain.depth + 1, p.* FROM chain, LATERAL (
        SELECT * FROM step_up_challenges WHERE zone_id = chain.zone_id AND id = chain.predecessor_id OFFSET 0) p
    )
    SELECT asked.n AS asked, chain.*, (SELECT countersign.now()) AS now, t.failures, t.blocked_until,
      CASE WHEN chain.depth = 0 THEN (SELECT coalesce(array_agg(s.hash), '{}') FROM challenge_secrets s
        WHERE s.zone_id = chain.zone_id AND s.challenge_id = chain.id) END AS secret_hashes,
      ${hasSuccessor('chain')} AS has_successor, ${proofsOf('chain')} AS proofs
    FROM asked
      LEFT JOIN chain ON chain.n = asked.n
      LEFT JOIN LATERAL (
        SELECT failures, blocked_until FROM challenge_throttles
        WHERE zone_id = asked.zone AND application_id = asked.application AND principal_id = asked.principal
        OFFSET 0) t ON true
    ORDER BY asked.n, chain.depth`,
}

async function readChallenges(db: Db, keys: readonly string[]): Promise<ReadonlyMap<string, ChallengeReading>> {
  const rows = await prepared<ReadingRow>(db, READ_CHALLENGES, [numbered(keys)])
  const found = keys.map((): ReadingRow[] => [])
  for (const row of rows) found[row.asked]?.push(row)
  return new Map(keys.map((key, n) => [key, toReading(found[n] ?? [])]))
}

function toReading([first, ...rest]: readonly ReadingRow[]): ChallengeReading {
  if (first === undefined) throw new Error('the query for challenges gives a row for whatever is asked')
  return {
    now: first.now,
    throttle: first.failures === null ? null : { failures: first.failures, blockedUntil: first.blocked_until },
    challenge: isChallengeRow(first)
      ? {
          ...storedChallenge(first),
          secretHashes: first.secret_hashes,
          hasSuccessor: first.has_successor,
          predecessors: rest.filter(isChallengeRow).map(storedChallenge),
        }
      : undefined,
  }
}

/**
 * The live challenge that a repeat of the same request joins: pending or satisfied, and the last of its chain. A
 * challenge whose successor has ended is not it, since it cannot be used alone.
 */
export async function findLive(
  db: Db | Tx,
  zoneId: string,
  applicationId: string,
  bindingHash: Buffer,
): Promise<{ readonly id: string; readonly expiresAt: number } | undefined> {
  const rows = await sql<{ id: string; expires_at: number }>`
    SELECT c.id, c.expires_at FROM step_up_challenges c
    WHERE c.zone_id = ${zoneId} AND c.application_id = ${applicationId} AND c.binding_hash = ${bindingHash}
      AND c.consumed_at IS NULL AND c.rejected_at IS NULL AND c.expires_at > countersign.now()
      AND NOT ${sql.raw(hasSuccessor('c'))}
    ORDER BY c.created_at DESC, c.id DESC LIMIT 1`.execute(db)
  const row = rows.rows[0]
  return row === undefined ? undefined : { id: row.id, expiresAt: row.expires_at }
}

/**
 * SQL: whether another challenge stands on the one that `challenge` aliases. Not as EXISTS, which the planner may turn
 * into reading every challenge of the zone: with 1,500 of them 7 ms instead of a tenth of one.
 */
export function hasSuccessor(challenge: string): string {
  return `coalesce((SELECT true FROM step_up_challenges n
    WHERE n.zone_id = ${challenge}.zone_id AND n.predecessor_id = ${challenge}.id LIMIT 1), false)`
}

/** SQL: the proofs given towards the challenge that `challenge` aliases, the oldest first. */
export function proofsOf(challenge: string): string {
  return `(SELECT coalesce(json_agg(json_build_object(
      'approver', p.approver, 'owner', p.owner, 'ownerKey', p.owner_key, 'method', p.method, 'aal', p.aal,
      'amr', p.amr, 'authTime', floor(extract(epoch FROM p.auth_time) * 1000)::bigint, 'evidence', p.evidence,
      'reason', p.reason, 'at', floor(extract(epoch FROM p.at) * 1000)::bigint) ORDER BY p.at, p.owner_key), '[]')
    FROM challenge_proofs p WHERE p.zone_id = ${challenge}.zone_id AND p.challenge_id = ${challenge}.id)`
}

/** A row of `step_up_challenges` with its proofs. */
export interface ChallengeRow {
  zone_id: string
  id: string
  session_id: string
  principal_id: string
  application_id: string
  challenge_type: ChallengeType
  demand: Demand
  prover_subject: Identity | null
  requesters: string[]
  requester_applications: string[]
  request_json: string
  binding_hash: Buffer
  predecessor_id: string | null
  created_at: number
  expires_at: number
  satisfied_at: number | null
  rejected_at: number | null
  consumed_at: number | null
  consumed_by: string | null
  decision_reason: string | null
  proofs: Proof[]
}

type ReadingRow = { asked: number; now: number; failures: number[] | null; blocked_until: number | null } & (
  | (ChallengeRow & { secret_hashes: Buffer[]; has_successor: boolean })
  | { id: null }
)

function isChallengeRow<T extends ReadingRow>(row: T): row is T & { id: string } {
  return row.id !== null
}

export function storedChallenge(row: ChallengeRow): StoredChallenge {
  return {
    id: row.id,
    zoneId: row.zone_id,
    sessionId: row.session_id,
    principalId: row.principal_id,
    applicationId: row.application_id,
    type: row.challenge_type,
    demand: row.demand,
    proverSubject: row.prover_subject,
    requesters: row.requesters,
    requesterApplications: row.requester_applications,
    requestJson: row.request_json,
    bindingHash: row.binding_hash,
    predecessorId: row.predecessor_id,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    satisfiedAt: row.satisfied_at,
    rejectedAt: row.rejected_at,
    consumedAt: row.consumed_at,
    consumedBy: row.consumed_by,
    decisionReason: row.decision_reason,
    proofs: row.proofs,
  }
}
