import type { Aal } from '@countersign/protocol'
import { type Selectable, sql } from 'kysely'
import { BatchedRead } from '../store/batched-read.js'
import { type Db, prepared, type Statement } from '../store/database.js'
import { andThen, type Eventual } from '../store/eventual.js'
import { LruMap } from '../store/lru-map.js'
import { type SessionsTable, subjectKey, type ZoneSettings } from '../store/tables.js'
import { currentAal, hasLapsedIdle } from './assurance.js'

/** A session as exchanges and decisions stand on it; instants in milliseconds. */
export interface Session {
  readonly zoneId: string
  readonly id: string
  readonly kind: 'user' | 'application' | 'agent'
  readonly issuer: string | null
  readonly subject: string
  readonly applicationId: string
  /** Hexadecimal. */
  readonly keyHash: string
  readonly aal: Aal
  readonly acr: string | null
  readonly amr: readonly string[]
  readonly authTime: number | null
  readonly tokenIssuedAt: number | null
  readonly status: 'active' | 'suspended' | 'revoked'
  readonly version: number
  readonly createdAt: number
  readonly expiresAt: number
  readonly lastUsedAt: number
  /** Tokens of this subject issued before are refused; 0 for none. */
  readonly notBefore: number
}

const MOST_HELD = 100_000
const TOUCH_EVERY_MS = 60_000
const ANOTHER_LOOK_MS = 5 * TOUCH_EVERY_MS
/** How long another node may know of a use that is not written yet: uses are noted and written once a minute. */
const UNWRITTEN_MS = 2 * TOUCH_EVERY_MS

/**
 * The sessions of this node, read many at a time and kept. Like snapshots they may lag behind: a commit names the
 * version it stood on, and a session that seems unusable is read again before anything is refused.
 */
export class SessionAnchors {
  readonly #byId = new LruMap<string, Session>(MOST_HELD)
  readonly #idByKey = new LruMap<string, string>(MOST_HELD)
  readonly #lastUsed = new Map<string, Use>()
  readonly #reads: BatchedRead<Found, Query>

  constructor(private readonly db: Db) {
    this.#reads = new BatchedRead((queries) => readSessions(db, queries), JSON.stringify)
  }

  /** The session with this id, as last seen. */
  byId(zoneId: string, id: string): Eventual<Session | undefined> {
    return this.#byId.get(id) ?? this.#read({ zone: zoneId, id }).then(({ session }) => session)
  }

  /** The session with this id if it may be used now, as {@link confirmed}. */
  live(zoneId: string, id: string, now: number): Eventual<Session | undefined> {
    return andThen(
      this.confirmed(() => this.byId(zoneId, id), now),
      (session) => (session !== undefined && isUsable(session, now) ? session : undefined),
    )
  }

  /**
   * The session that a look finds, looked for again before it counts for less than it did: when it may not be used any
   * more, and when its level could have lapsed because it was not used on this node, where another may have seen it.
   */
  confirmed(look: () => Eventual<Session | undefined>, now: number): Eventual<Session | undefined> {
    return andThen(look(), (session) => {
      if (session === undefined || (isUsable(session, now) && !this.#couldLapse(session, now))) return session
      this.forget(session.id)
      return look()
    })
  }

  /**
   * The session that a token or an application opened, as last seen, and the instant before which tokens of this
   * subject are refused: it counts for a subject without a session too.
   */
  byKey(zoneId: string, keyHash: string, of: Pick<Session, 'issuer' | 'subject'>): Eventual<Found> {
    const id = this.#idByKey.get(keyHash)
    const held = id === undefined ? undefined : this.#byId.get(id)
    return held?.zoneId === zoneId
      ? { session: held, notBefore: held.notBefore }
      : this.#read({ zone: zoneId, hash: `\\x${keyHash}`, subject_key: subjectKey(of.issuer, of.subject) })
  }

  /** Forgets what is held of a session, so that it is read again. */
  forget(id: string): void {
    this.#byId.delete(id)
  }

  clear(): void {
    this.#byId.clear()
    this.#idByKey.clear()
  }

  #couldLapse(session: Session, now: number): boolean {
    return session.aal !== 'aal1' && now - this.lastUsedAt(session) >= ANOTHER_LOOK_MS
  }

  /**
   * Notes that a session was used; written in the background, outside its version. One that was idle for so long that
   * its level has lapsed is not noted, or its use would bring the level back: only a new proof does. See {@link leftOf}.
   */
  touch(session: Session, settings: ZoneSettings, now: number): void {
    const { aal, authTime } = session
    if (hasLapsedIdle({ aal, authTime, lastUsedAt: this.lastUsedAt(session) }, settings, now)) this.forget(session.id)
    else if (now - session.lastUsedAt >= TOUCH_EVERY_MS)
      this.#lastUsed.set(session.id, { zone: session.zoneId, at: now })
  }

  /**
   * The level that is left of a session's when its own has lapsed because nobody used it, and no node can know better;
   * undefined otherwise. Once that is written, further use counts for what is left.
   */
  leftOf(session: Session, settings: ZoneSettings, now: number): Aal | undefined {
    const { aal, authTime } = session
    const lastUsedAt = this.lastUsedAt(session)
    if (aal === 'aal1' || now - lastUsedAt <= UNWRITTEN_MS) return undefined
    const proved = { aal, authTime, lastUsedAt }
    const used = { ...proved, lastUsedAt: lastUsedAt + UNWRITTEN_MS }
    const left = currentAal(proved, settings, now)
    return hasLapsedIdle(used, settings, now) && currentAal(used, settings, now) === left ? left : undefined
  }

  /** When a session was last used, counting what is not written yet. */
  lastUsedAt(session: Session): number {
    return Math.max(session.lastUsedAt, this.#lastUsed.get(session.id)?.at ?? 0)
  }

  /** Writes the notes of {@link touch}; called once a minute and when the service stops. */
  async writeTouches(): Promise<void> {
    const touched = [...this.#lastUsed].map(([id, { zone, at }]) => ({ zone, id, at: new Date(at).toISOString() }))
    if (touched.length === 0) return
    await sql`
      UPDATE sessions s SET last_used_at = greatest(s.last_used_at, t.at)
      FROM jsonb_to_recordset(${JSON.stringify(touched)}::jsonb) AS t(zone uuid, id uuid, at timestamptz)
      WHERE s.zone_id = t.zone AND s.id = t.id`.execute(this.db)
    for (const { id, at } of touched) {
      if (this.#lastUsed.get(id)?.at === Date.parse(at)) this.#lastUsed.delete(id)
      const held = this.#byId.get(id)
      if (held !== undefined)
        this.#byId.set(held.id, { ...held, lastUsedAt: Math.max(held.lastUsedAt, Date.parse(at)) })
    }
  }

  async #read(query: Query): Promise<Found> {
    const found = await this.#reads.ask(query)
    if (found?.session === undefined) return found ?? { session: undefined, notBefore: 0 }
    const { session } = found
    this.#byId.set(session.id, session)
    this.#idByKey.set(session.keyHash, session.id)
    return found
  }
}

/** A use of a session that is not written yet. */
interface Use {
  readonly zone: string
  readonly at: number
}

function isUsable({ status, expiresAt }: Session, now: number): boolean {
  return status === 'active' && expiresAt > now
}

/** What looking for a session found. */
export interface Found {
  readonly session: Session | undefined
  readonly notBefore: number
}

/** A look for a session by its id, or by its key. */
type Query =
  | { readonly zone: string; readonly id: string }
  | { readonly zone: string; readonly hash: string; readonly subject_key: string }

type SessionRow = Selectable<SessionsTable> & { not_before: number | null }

const READ_SESSIONS: Statement = {
  name: 'sessions',
  text: `
    SELECT q.n, s.*, c.not_before
    FROM jsonb_to_recordset($1::jsonb) AS q(n int, zone uuid, id uuid, hash bytea, subject_key text)
    LEFT JOIN LATERAL (
      SELECT * FROM sessions WHERE zone_id = q.zone AND id = q.id
      UNION ALL SELECT * FROM sessions WHERE zone_id = q.zone AND key_hash = q.hash OFFSET 0) s ON true
    LEFT JOIN LATERAL (
      SELECT not_before FROM subject_cutoffs
      WHERE zone_id = q.zone AND subject_key = coalesce(s.subject_key, q.subject_key) OFFSET 0) c ON true`,
}

async function readSessions(db: Db, queries: readonly Query[]): Promise<ReadonlyMap<Query, Found>> {
  const found = await prepared<{ n: number } & (SessionRow | { id: null; not_before: number | null })>(
    db,
    READ_SESSIONS,
    [JSON.stringify(queries.map((query, n) => ({ n, ...query })))],
  )
  return new Map(
    found.map((row) => [
      queries[row.n] as Query,
      { session: row.id === null ? undefined : toSession(row), notBefore: row.not_before ?? 0 },
    ]),
  )
}

function toSession(row: SessionRow): Session {
  return {
    zoneId: row.zone_id,
    id: row.id,
    kind: row.kind,
    issuer: row.issuer,
    subject: row.subject,
    applicationId: row.application_id,
    keyHash: row.key_hash.toString('hex'),
    aal: row.aal,
    acr: row.acr,
    amr: row.amr,
    authTime: row.auth_time,
    tokenIssuedAt: row.token_issued_at,
    status: row.status,
    version: row.version,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
    notBefore: row.not_before ?? 0,
  }
}
