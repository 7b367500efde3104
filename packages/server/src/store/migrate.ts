import { Kysely, Migrator, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { type Connection, clientConfig } from './database.js'
import * as foundation from './migrations/0001-foundation.js'
import * as revokedMandates from './migrations/0002-revoked-mandates.js'
import * as formerCommit from './migrations/0003-commit.js'
import * as keyLookups from './migrations/0004-key-lookups.js'
import * as commit from './migrations/0005-commit.js'

const migrations = {
  '0001-foundation': { up: foundation.up },
  '0002-revoked-mandates': { up: revokedMandates.up },
  '0003-commit': { up: formerCommit.up },
  '0004-key-lookups': { up: keyLookups.up },
  '0005-commit': { up: commit.up },
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
    // The usual start finds nothing to do: one question instead of a dozen to the catalogue, 5 ms instead of 35.
    if (await isCurrent(db)) return
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

/** Whether exactly these migrations are done; with any other, or before the first, the answer is the migrator's. */
async function isCurrent(db: Kysely<unknown>): Promise<boolean> {
  const wanted = Object.keys(migrations)
  try {
    const done = sql<{ name: string }>`SELECT name FROM countersign.kysely_migration ORDER BY name`
    const { rows } = await done.execute(db)
    return rows.length === wanted.length && rows.every(({ name }, n) => name === wanted[n])
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === UNDEFINED_TABLE) return false
    throw error
  }
}

const UNDEFINED_TABLE = '42P01'

// CREATE SCHEMA IF NOT EXISTS is not atomic against itself, so it stands under a lock of its own.
async function createSchema(db: Kysely<unknown>): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await sql`SELECT pg_advisory_xact_lock(hashtextextended('countersign schema', 0))`.execute(tx)
    await sql`CREATE SCHEMA IF NOT EXISTS countersign`.execute(tx)
  })
}
