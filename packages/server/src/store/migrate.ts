import { Kysely, Migrator, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { type Connection, clientConfig } from './database.js'
import * as foundation from './migrations/0001-foundation.js'
import * as revokedMandates from './migrations/0002-revoked-mandates.js'
import * as commit from './migrations/0003-commit.js'

const migrations = {
  '0001-foundation': { up: foundation.up },
  '0002-revoked-mandates': { up: revokedMandates.up },
  '0003-commit': { up: commit.up },
}

/**
 * Brings the schema up to date. Safe from several processes at once: Kysely holds an advisory lock of the database
 * for as long as it migrates, and the others find the work done.
 *
 * @throws Error when a migration fails; none of it is then applied.
 */
export async function migrate(connection: Connection): Promise<void> {
  const pool = new pg.Pool({
    ...clientConfig(connection),
    options: '-c search_path=countersign -c TimeZone=UTC',
    query_timeout: 0,
    max: 1,
  })
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  try {
    await createSchema(db)
    const migrator = new Migrator({
      db,
      provider: { getMigrations: () => Promise.resolve(migrations) },
      migrationTableSchema: 'countersign',
    })
    const { error } = await migrator.migrateToLatest()
    if (error !== undefined) throw error
  } finally {
    await db.destroy()
  }
}

// CREATE SCHEMA IF NOT EXISTS is not atomic against itself, so it stands under a lock of its own.
async function createSchema(db: Kysely<unknown>): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await sql`SELECT pg_advisory_xact_lock(hashtextextended('countersign schema', 0))`.execute(tx)
    await sql`CREATE SCHEMA IF NOT EXISTS countersign`.execute(tx)
  })
}
