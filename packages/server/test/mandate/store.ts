import { createHash, randomBytes } from 'node:crypto'
import { Snapshots, type ZoneSnapshot } from '../../src/authority/snapshot.js'
import type { MandateClaims } from '../../src/mandate/claims.js'
import { createSigningKey } from '../../src/mandate/keys.js'
import { type Connection, type Db, openDatabase } from '../../src/store/database.js'
import { newId } from '../../src/store/ids.js'
import { migrate } from '../../src/store/migrate.js'
import { createSealer, type Sealer } from '../../src/store/seal.js'
import type { JwkSet } from '../../src/store/tables.js'
import { bumpRevision } from '../../src/store/zone-change.js'
import { testDatabase } from '../support/postgres.js'

export const BASE_URL = 'https://auth.example.com'

/** A migrated database of one's own with what mandates stand on, and rows put straight into it. */
export interface MandateStore {
  readonly connection: Connection
  readonly db: Db
  readonly sealer: Sealer
  readonly snapshots: Snapshots
  createZone(now: number): Promise<string>
  snapshot(zoneId: string): Promise<ZoneSnapshot>
  addApplication(zoneId: string, auth: { secret: string } | { jwks: JwkSet }): Promise<string>
  close(): Promise<void>
}

export async function openMandateStore(): Promise<MandateStore> {
  const database = await testDatabase()
  await migrate(database.connection)
  const { db } = openDatabase(database.connection, 4)
  const sealer = createSealer(randomBytes(32))
  const snapshots = new Snapshots(db)
  return {
    connection: database.connection,
    db,
    sealer,
    snapshots,
    async createZone(now) {
      const id = newId(now)
      const at = new Date(now)
      await db.transaction().execute(async (tx) => {
        await tx
          .insertInto('zones')
          .values({ id, slug: `zone-${id}`, name: 'Test', settings: '{}', created_at: at, updated_at: at })
          .execute()
        await tx.insertInto('zone_heads').values({ zone_id: id, active_set_version_id: null }).execute()
        await tx
          .insertInto('subject_issuers')
          .values({
            zone_id: id,
            id: newId(now),
            issuer: ISSUER,
            audience: 'app',
            aal: '{}',
            created_at: at,
            updated_at: at,
          })
          .execute()
        await createSigningKey(tx, sealer, id, now, now)
      })
      return id
    },
    async snapshot(zoneId) {
      const snapshot = await snapshots.current(zoneId)
      if (snapshot === undefined) throw new Error('the zone does not exist')
      return snapshot
    },
    async addApplication(zoneId, auth) {
      const at = new Date()
      const id = newId(at.getTime())
      const bySecret = 'secret' in auth
      await db.transaction().execute(async (tx) => {
        await tx
          .insertInto('applications')
          .values({
            zone_id: zoneId,
            id,
            name: 'App',
            auth_method: bySecret ? 'client_secret' : 'private_key_jwt',
            jwks: bySecret ? null : JSON.stringify(auth.jwks),
            created_at: at,
            updated_at: at,
          })
          .execute()
        if (bySecret) {
          const hash = createHash('sha256').update(auth.secret).digest()
          await tx
            .insertInto('application_secrets')
            .values({ zone_id: zoneId, application_id: id, id: newId(at.getTime()), hash, created_at: at })
            .execute()
        }
        await bumpRevision(tx, zoneId, [{ kind: 'application', id }])
      })
      return id
    },
    async close() {
      await db.destroy()
      await database.drop()
    },
  }
}

/** The issuer that every zone trusts. */
export const ISSUER = 'https://idp.example'

/** Claims of a resource mandate of a zone, as an exchange would make them. */
export function mandateClaims(zoneId: string, now: number, more: Partial<MandateClaims> = {}): MandateClaims {
  const seconds = Math.floor(now / 1000)
  return {
    iss: `${BASE_URL}/zones/${zoneId}`,
    sub: 'alice',
    aud: ['resource://payments'],
    exp: seconds + 900,
    iat: seconds,
    jti: newId(now),
    client_id: newId(now),
    zone_id: zoneId,
    scope: 'transfer',
    sid: newId(now),
    root_sid: newId(now),
    use: 'resource',
    sub_type: 'user',
    txn: newId(now),
    ...more,
  }
}
