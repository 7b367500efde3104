import type { Identity } from '@countersign/protocol'
import { BatchedRead } from '../store/batched-read.js'
import { textArray, uuidArray } from '../store/binary.js'
import { type Db, prepared, type Statement } from '../store/database.js'
import { subjectKey } from '../store/tables.js'

/** A session that has not expired, and whether it may be used. */
export interface KnownSession {
  readonly id: string
  readonly active: boolean
  readonly version: number
}

/** What holds of a zone and of a subject's sessions through one application, all at one moment. */
export interface SubjectLook {
  readonly revision: number
  /** At most 16: those that may be used before the others, and the last used first. */
  readonly sessions: readonly KnownSession[]
}

/** Looks for the sessions that subjects have through applications, after it was asked for and many at a time. */
export class SubjectLooks {
  readonly #reads: BatchedRead<SubjectLook, Asked>

  constructor(db: Db) {
    this.#reads = new BatchedRead((asked) => readLooks(db, asked), keyOf)
  }

  /** Undefined when there is no such zone. */
  look(zoneId: string, { kind, issuer, id }: Identity, applicationId: string): Promise<SubjectLook | undefined> {
    return this.#reads.ask({ zoneId, applicationId, kind, subject: subjectKey(issuer ?? null, id) })
  }
}

interface Asked {
  readonly zoneId: string
  readonly applicationId: string
  readonly kind: string
  readonly subject: string
}

// The subject last: it alone may hold a blank.
function keyOf({ zoneId, applicationId, kind, subject }: Asked): string {
  return `${zoneId} ${applicationId} ${kind} ${subject}`
}

// As with the standings of sessions, nothing but a subquery keeps the statement from being planned anew each time. The zone is
// outside of the inner one, or until the database has counted them all sessions of the zone would be read.
const READ_LOOKS: Statement = {
  name: 'subject sessions',
  text: `
    SELECT q.n, h.revision, s.id, s.active, s.version
    FROM unnest((SELECT $1::uuid[]), (SELECT $2::uuid[]), (SELECT $3::text[]), (SELECT $4::text[]))
      WITH ORDINALITY AS q(zone, application, kind, subject_key, n)
      CROSS JOIN LATERAL (SELECT revision FROM zone_heads WHERE zone_id = q.zone OFFSET 0) h
      LEFT JOIN LATERAL (
        SELECT own.id, own.status = 'active' AS active, own.version
        FROM (SELECT * FROM sessions WHERE subject_key = q.subject_key AND expires_at > (SELECT countersign.now()) OFFSET 0) own
        WHERE own.zone_id = q.zone AND own.kind = q.kind AND own.application_id = q.application
        ORDER BY own.status = 'active' DESC, own.last_used_at DESC LIMIT 16) s ON true`,
}

type LookRow = { n: number; revision: number } & (KnownSession | { id: null })

async function readLooks(db: Db, asked: readonly Asked[]): Promise<ReadonlyMap<Asked, SubjectLook>> {
  const looks = new Map<Asked, { revision: number; sessions: KnownSession[] }>()
  const rows = await prepared<LookRow>(db, READ_LOOKS, [
    uuidArray(asked.map(({ zoneId }) => zoneId)),
    uuidArray(asked.map(({ applicationId }) => applicationId)),
    textArray(asked.map(({ kind }) => kind)),
    textArray(asked.map(({ subject }) => subject)),
  ])
  for (const { n, revision, ...session } of rows) {
    const of = asked[n - 1] as Asked
    const look = looks.get(of) ?? { revision, sessions: [] }
    if (session.id !== null) look.sessions.push(session)
    looks.set(of, look)
  }
  return looks
}

/** The zone of an application, whose id is one of its own among all zones. */
export async function zoneOfApplication(db: Db, id: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('applications')
    .select('zone_id')
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return row?.zone_id
}
