import { type Kysely, sql } from 'kysely'

/** Mandates for resources that were revoked before they expired; a session mandate falls with its session instead. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE revoked_mandates (
      zone_id uuid NOT NULL,
      jti uuid NOT NULL,
      expires_at timestamptz NOT NULL,
      PRIMARY KEY (zone_id, jti)
    )`.execute(db)
  await sql`CREATE INDEX revoked_mandates_expiry ON revoked_mandates (expires_at)`.execute(db)
}
