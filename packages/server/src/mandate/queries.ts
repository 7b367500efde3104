import type { SigningKey } from '../authority/snapshot.js'
import { type Db, prepared, type Statement, type Tx } from '../store/database.js'
import { instant } from '../store/instant.js'
import type { SessionsTable } from '../store/tables.js'

export async function insertKey(tx: Tx, zoneId: string, key: SigningKey): Promise<void> {
  await tx
    .insertInto('signing_keys')
    .values({
      zone_id: zoneId,
      id: key.id,
      public_jwk: JSON.stringify(key.publicJwk),
      private_sealed: key.privateSealed,
      created_at: new Date(key.createdAt),
      signs_from: new Date(key.signsFrom),
      retired_at: key.retiredAt === null ? null : new Date(key.retiredAt),
    })
    .execute()
}

/** One key of all zones, as it is kept; undefined when there is none yet. */
export function anyKey(db: Db): Promise<{ zone_id: string; id: string; private_sealed: Buffer } | undefined> {
  return db.selectFrom('signing_keys').select(['zone_id', 'id', 'private_sealed']).limit(1).executeTakeFirst()
}

/** A key's life, in milliseconds. */
export interface KeyLife {
  readonly kid: string
  readonly signsFrom: number
  readonly retiredAt: number | null
}

/** The keys that are published at `now`, the one that signs last at the end. */
export async function readKeyLives(tx: Tx, zoneId: string, now: number): Promise<KeyLife[]> {
  const rows = await tx
    .selectFrom('signing_keys')
    .select(['id', 'signs_from', 'retired_at'])
    .where('zone_id', '=', zoneId)
    .where((where) => where.or([where('retired_at', 'is', null), where('retired_at', '>', instant(now))]))
    .orderBy('signs_from')
    .orderBy('created_at')
    .execute()
  return rows.map((row) => ({ kid: row.id, signsFrom: row.signs_from, retiredAt: row.retired_at }))
}

/** Says when keys that have a successor are withdrawn. */
export async function retireKeys(tx: Tx, zoneId: string, kids: readonly string[], at: number): Promise<void> {
  if (kids.length === 0) return
  await tx
    .updateTable('signing_keys')
    .set({ retired_at: new Date(at) })
    .where('zone_id', '=', zoneId)
    .where('id', 'in', kids)
    .execute()
}

/** Removes keys that are withdrawn: nothing they signed is in force, and a key that is gone cannot leak. */
export async function deleteWithdrawnKeys(tx: Tx, zoneId: string, now: number): Promise<void> {
  await tx.deleteFrom('signing_keys').where('zone_id', '=', zoneId).where('retired_at', '<=', instant(now)).execute()
}

/** What of a session decides whether a mandate stands on it. Instants in milliseconds. */
export interface SessionState {
  readonly kind: SessionsTable['kind']
  readonly issuer: string | null
  readonly subject: string
  readonly applicationId: string
  readonly status: 'active' | 'suspended' | 'revoked'
  readonly expiresAt: number
}

const READ_SESSION_STATES: Statement = {
  name: 'session states',
  text: `
    SELECT q.key, s.kind, s.issuer, s.subject, s.application_id, s.status, s.expires_at
    FROM jsonb_to_recordset($1::jsonb) AS q(key text, zone uuid, id uuid)
    CROSS JOIN LATERAL (SELECT * FROM sessions WHERE zone_id = q.zone AND id = q.id OFFSET 0) s`,
}

/** Reads sessions, each key a zone's id and a session's id with a space between. */
export async function readSessionStates(db: Db, keys: readonly string[]): Promise<ReadonlyMap<string, SessionState>> {
  type Row = Omit<SessionState, 'applicationId' | 'expiresAt'> & {
    key: string
    application_id: string
    expires_at: number
  }
  const found = await prepared<Row>(db, READ_SESSION_STATES, [asked(keys)])
  return new Map(
    found.map(({ key, application_id, expires_at, ...state }) => [
      key,
      { ...state, applicationId: application_id, expiresAt: expires_at },
    ]),
  )
}

const READ_REVOKED: Statement = {
  name: 'revoked mandates',
  text: `
    SELECT q.key FROM jsonb_to_recordset($1::jsonb) AS q(key text, zone uuid, id uuid)
    CROSS JOIN LATERAL (SELECT FROM revoked_mandates WHERE zone_id = q.zone AND jti = q.id OFFSET 0) r`,
}

/** Which mandates were revoked, each key a zone's id and a `jti` with a space between. */
export async function readRevoked(db: Db, keys: readonly string[]): Promise<ReadonlyMap<string, true>> {
  const found = await prepared<{ key: string }>(db, READ_REVOKED, [asked(keys)])
  return new Map(found.map(({ key }) => [key, true]))
}

function asked(keys: readonly string[]): string {
  return JSON.stringify(
    keys.map((key) => {
      const [zone, id] = key.split(' ')
      return { key, zone, id }
    }),
  )
}

/** Revokes one mandate; false when it was revoked already. */
export async function insertRevoked(
  tx: Tx,
  zoneId: string,
  mandate: { readonly jti: string; readonly expiresAt: number },
): Promise<boolean> {
  const inserted = await tx
    .insertInto('revoked_mandates')
    .values({ zone_id: zoneId, jti: mandate.jti, expires_at: new Date(mandate.expiresAt) })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return inserted.numInsertedOrUpdatedRows === 1n
}

/** Records the one use of a value, under the zone's lock; false when it was used before. */
export async function useOnce(
  tx: Tx,
  zoneId: string,
  once: { readonly kind: string; readonly key: Buffer; readonly expiresAt: number },
): Promise<boolean> {
  const inserted = await tx
    .insertInto('once_values')
    .values({ zone_id: zoneId, kind: once.kind, key: once.key, expires_at: new Date(once.expiresAt) })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return inserted.numInsertedOrUpdatedRows === 1n
}
