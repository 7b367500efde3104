import { randomBytes } from 'node:crypto'
import type { Identity } from '@countersign/protocol'
import { sql } from 'kysely'
import type { Db, Tx } from '../../store/database.js'
import { isId, newId } from '../../store/ids.js'
import { instant } from '../../store/instant.js'

/** A secret of an application: until when it counts (milliseconds, null for always), and who was shown it. */
export interface NewSecret {
  readonly hash: Buffer
  readonly shownTo: Identity | null
  readonly expiresAt: number | null
}

export async function insertSecret(
  tx: Tx,
  zoneId: string,
  applicationId: string,
  now: number,
  secret: NewSecret,
): Promise<void> {
  await tx
    .insertInto('application_secrets')
    .values({
      zone_id: zoneId,
      application_id: applicationId,
      id: newId(now),
      hash: secret.hash,
      shown_to: secret.shownTo === null ? null : JSON.stringify(secret.shownTo),
      created_at: new Date(now),
      expires_at: secret.expiresAt === null ? null : new Date(secret.expiresAt),
    })
    .execute()
}

/**
 * Remembers someone as one who may hold what the application authenticates with, though no secret was shown to them:
 * who registered its keys, who owned it before. They may never approve for it. It is stored as an expired secret nobody has.
 */
export async function rememberHolder(
  tx: Tx,
  zoneId: string,
  applicationId: string,
  now: number,
  holder: Identity | null,
): Promise<void> {
  if (holder === null) return
  await insertSecret(tx, zoneId, applicationId, now, { hash: randomBytes(32), shownTo: holder, expiresAt: now })
}

/** Ends every secret that counts at `now` no later than `at`. Milliseconds. */
export async function endSecrets(tx: Tx, zoneId: string, applicationId: string, at: number): Promise<void> {
  await tx
    .updateTable('application_secrets')
    .set({ expires_at: new Date(at) })
    .where('zone_id', '=', zoneId)
    .where('application_id', '=', applicationId)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', instant(at))]))
    .execute()
}

/** Whether a live application of a live zone has this browser origin; of any zone for null. */
export async function isRegisteredOrigin(db: Db, origin: string, zoneId: string | null): Promise<boolean> {
  if (zoneId !== null && !isId(zoneId)) return false
  const found = await db
    .selectFrom('applications as a')
    .innerJoin('zones as z', 'z.id', 'a.zone_id')
    .select('a.id')
    .where(sql<boolean>`a.origins @> ARRAY[${origin}]::text[]`)
    .where('a.deleted_at', 'is', null)
    .where('z.deleted_at', 'is', null)
    .$if(zoneId !== null, (query) => query.where('a.zone_id', '=', zoneId))
    .limit(1)
    .executeTakeFirst()
  return found !== undefined
}
