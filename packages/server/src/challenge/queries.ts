import { type Selectable, sql } from 'kysely'
import { BatchedRead } from '../store/batched-read.js'
import { textArray, uuidArray } from '../store/binary.js'
import { type Db, prepared, type Statement, type Tx } from '../store/database.js'
import { isId } from '../store/ids.js'
import type { StepUpChallengesTable } from '../store/tables.js'
import type { ChallengeLink, ChallengeRecord, Proof, StoredChallenge, Throttle } from './record.js'

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
  const reading = await readingsOf(db).ask({ zoneId, id: isId(id) ? id : null, caller })
  if (reading === undefined) throw new Error('the query for challenges gives a row for whatever is asked')
  return reading
}

const readings = new WeakMap<Db, BatchedRead<ChallengeReading, Asked>>()

function readingsOf(db: Db): BatchedRead<ChallengeReading, Asked> {
  const held = readings.get(db) ?? new BatchedRead((asked) => readChallenges(db, asked), keyOf)
  readings.set(db, held)
  return held
}

interface Asked {
  readonly zoneId: string
  readonly id: string | null
  readonly caller: Caller | null
}

// The principal last: it alone may hold a blank.
function keyOf({ zoneId, id, caller }: Asked): string {
  return `${zoneId} ${id} ${caller?.applicationId} ${caller?.principalId}`
}

// A row for whatever is asked, and few columns: with a row for each link of the chain and all that is stored of it, the
// database took 1.4 times as long and this process twice. The arrays stand in subqueries so that the planner does not know
// how long they are: knowing them to be short, it would plan anew every time, which made reading three challenges take
// three times as long.
const READ_CHALLENGES: Statement = {
  name: 'challenges',
  text: `
    SELECT asked.n, (SELECT countersign.now()) AS now, t.failures, t.blocked_until,
      c.id, c.challenge_type, c.session_id, c.principal_id, c.application_id, c.demand, c.binding_hash, c.created_at,
      c.expires_at, c.satisfied_at, c.rejected_at, c.consumed_at, ${hasSuccessor('c')} AS has_successor,
      (SELECT string_agg(encode(s.hash, 'hex'), ' ') FROM challenge_secrets s
        WHERE s.zone_id = c.zone_id AND s.challenge_id = c.id) AS secret_hashes,
      ${givenTowards('c')} AS proofs,
      CASE WHEN c.predecessor_id IS NOT NULL THEN (
        WITH RECURSIVE chain AS (
          SELECT 1 AS depth, p.* FROM step_up_challenges p WHERE p.zone_id = c.zone_id AND p.id = c.predecessor_id
          UNION ALL
          SELECT chain.depth + 1, p.* FROM chain, LATERAL (
            SELECT * FROM step_up_challenges WHERE zone_id = chain.zone_id AND id = chain.predecessor_id OFFSET 0) p
        )
        SELECT json_agg(json_build_object('id', chain.id, 'type', chain.challenge_type,
          'createdAt', ${milliseconds('chain.created_at')}, 'satisfiedAt', ${milliseconds('chain.satisfied_at')},
          'rejectedAt', ${milliseconds('chain.rejected_at')}, 'consumedAt', ${milliseconds('chain.consumed_at')},
          'proofs', ${givenTowards('chain')}) ORDER BY chain.depth) FROM chain) END AS predecessors
    FROM unnest((SELECT $1::uuid[]), (SELECT $2::uuid[]), (SELECT $3::uuid[]), (SELECT $4::text[]))
      WITH ORDINALITY AS asked(zone, id, application, principal, n)
      LEFT JOIN LATERAL (
        SELECT * FROM step_up_challenges WHERE zone_id = asked.zone AND id = asked.id OFFSET 0) c ON true
      LEFT JOIN LATERAL (
        SELECT failures, blocked_until FROM challenge_throttles
        WHERE zone_id = asked.zone AND application_id = asked.application AND principal_id = asked.principal
        OFFSET 0) t ON true`,
}

async function readChallenges(db: Db, asked: readonly Asked[]): Promise<ReadonlyMap<Asked, ChallengeReading>> {
  const rows = await prepared<ReadingRow>(db, READ_CHALLENGES, [
    uuidArray(asked.map(({ zoneId }) => zoneId)),
    uuidArray(asked.map(({ id }) => id)),
    uuidArray(asked.map(({ caller }) => caller?.applicationId ?? null)),
    textArray(asked.map(({ caller }) => caller?.principalId ?? null)),
  ])
  return new Map(rows.map((row) => [asked[row.n - 1] as Asked, toReading(row)]))
}

function toReading(row: ReadingRow): ChallengeReading {
  return {
    now: row.now,
    throttle: row.failures === null ? null : { failures: row.failures, blockedUntil: row.blocked_until },
    challenge: row.id === null ? undefined : challengeRecord(row),
  }
}

function challengeRecord(row: FoundRow): ChallengeRecord {
  return {
    id: row.id,
    type: row.challenge_type,
    sessionId: row.session_id,
    principalId: row.principal_id,
    applicationId: row.application_id,
    demand: row.demand,
    bindingHash: row.binding_hash,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    satisfiedAt: row.satisfied_at,
    rejectedAt: row.rejected_at,
    consumedAt: row.consumed_at,
    proofs: row.proofs ?? [],
    secretHashes: row.secret_hashes?.split(' ').map((hash) => Buffer.from(hash, 'hex')) ?? [],
    hasSuccessor: row.has_successor,
    predecessors: row.predecessors?.map((link) => ({ ...link, proofs: link.proofs ?? [] })) ?? [],
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
    SELECT c.id, c.expires_at
    FROM (SELECT * FROM step_up_challenges
          WHERE binding_hash = ${bindingHash} AND expires_at > (SELECT countersign.now()) OFFSET 0) c
    WHERE c.zone_id = ${zoneId} AND c.application_id = ${applicationId}
      AND c.consumed_at IS NULL AND c.rejected_at IS NULL AND NOT ${sql.raw(hasSuccessor('c'))}
    ORDER BY c.created_at DESC, c.id DESC LIMIT 1`.execute(db)
  const row = rows.rows[0]
  return row === undefined ? undefined : { id: row.id, expiresAt: row.expires_at }
}

/**
 * SQL: whether another challenge stands on the one that `challenge` aliases. Not as EXISTS, which the planner may turn
 * into reading every challenge of the zone: with 1,500 of them 7 ms instead of a tenth of one.
 */
export function hasSuccessor(challenge: string): string {
  return `coalesce((
    SELECT true FROM (SELECT zone_id FROM step_up_challenges WHERE predecessor_id = ${challenge}.id OFFSET 0) n
    WHERE n.zone_id = ${challenge}.zone_id LIMIT 1), false)`
}

/** SQL: the proofs given towards the challenge that `challenge` aliases, the oldest first. */
export function proofsOf(challenge: string): string {
  return `(SELECT coalesce(json_agg(json_build_object(
      'approver', p.approver, 'owner', p.owner, 'ownerKey', p.owner_key, 'method', p.method, 'aal', p.aal,
      'amr', p.amr, 'authTime', ${milliseconds('p.auth_time')}, 'evidence', p.evidence,
      'reason', p.reason, 'at', ${milliseconds('p.at')}) ORDER BY p.at, p.owner_key), '[]')
    FROM challenge_proofs p WHERE p.zone_id = ${challenge}.zone_id AND p.challenge_id = ${challenge}.id)`
}

// Of the same proofs in the same order what a request that presents the challenge is judged by; null for none.
function givenTowards(challenge: string): string {
  return `(SELECT json_agg(json_build_object('ownerKey', p.owner_key, 'aal', p.aal, 'amr', p.amr,
      'authTime', ${milliseconds('p.auth_time')}) ORDER BY p.at, p.owner_key)
    FROM challenge_proofs p WHERE p.zone_id = ${challenge}.zone_id AND p.challenge_id = ${challenge}.id)`
}

function milliseconds(instant: string): string {
  return `floor(extract(epoch FROM ${instant}) * 1000)::bigint`
}

/** A row of `step_up_challenges` with its proofs. */
export type ChallengeRow = Selectable<StepUpChallengesTable> & { proofs: Proof[] }

type GivenProofs = ChallengeLink['proofs'] | null

type FoundRow = Pick<
  ChallengeRow,
  | 'id'
  | 'challenge_type'
  | 'session_id'
  | 'principal_id'
  | 'application_id'
  | 'demand'
  | 'binding_hash'
  | 'created_at'
  | 'expires_at'
  | 'satisfied_at'
  | 'rejected_at'
  | 'consumed_at'
> & {
  has_successor: boolean
  /** In hexadecimal, with blanks between them. */
  secret_hashes: string | null
  proofs: GivenProofs
  predecessors: (Omit<ChallengeLink, 'proofs'> & { proofs: GivenProofs })[] | null
}

type ReadingRow = { n: number; now: number; failures: number[] | null; blocked_until: number | null } & (
  | FoundRow
  | { id: null }
)

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
