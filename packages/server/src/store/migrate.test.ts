import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.js'
import { migrate } from './migrate.js'

let database: TestDatabase
let client: pg.Client

beforeEach(async () => {
  database = await testDatabase()
  client = new pg.Client({ connectionString: database.connection.url })
  await client.connect()
})
afterEach(async () => {
  await client.end()
  await database.drop()
})

const done = async (): Promise<string[]> =>
  (await client.query('SELECT name FROM countersign.kysely_migration ORDER BY name')).rows.map(({ name }) => name)

test('a schema is made once, whoever comes first and however often', async () => {
  const { connection } = database
  await Promise.all([migrate(connection), migrate(connection), migrate(connection)])
  const made = await done()
  await client.query(`UPDATE countersign.clock SET shift = '1 hour'`)
  await migrate(connection)
  expect(await done()).toEqual(made)
  expect((await client.query('SELECT shift::text FROM countersign.clock')).rows).toEqual([{ shift: '01:00:00' }])
})

test('a schema that a newer version has changed is left to it', async () => {
  await migrate(database.connection)
  await client.query(`INSERT INTO countersign.kysely_migration VALUES ('9999-later', '')`)
  await expect(migrate(database.connection)).rejects.toThrow('9999-later')
})

test('what is missing is made up for', async () => {
  await migrate(database.connection)
  await client.query('DROP SCHEMA countersign CASCADE; CREATE SCHEMA countersign')
  await migrate(database.connection)
  expect((await done()).length).toBeGreaterThan(0)
  await client.query('SELECT FROM countersign.audit_events')
})

// While a table is small or has no statistics, PostgreSQL may take such an index for as good as the primary key.
test('of sessions and challenges only the primary key holds zone or id, by which commits look them up', async () => {
  await migrate(database.connection)
  const { rows } = await client.query(
    `SELECT i.indexrelid::regclass::text AS name, i.indisprimary FROM pg_index i
     JOIN pg_attribute a ON a.attrelid = i.indexrelid AND a.attname IN ('zone_id', 'id')
     WHERE i.indrelid IN ('countersign.sessions'::regclass, 'countersign.step_up_challenges'::regclass)
     GROUP BY 1, 2 ORDER BY 1`,
  )
  expect(rows).toEqual([
    { name: 'countersign.sessions_pkey', indisprimary: true },
    { name: 'countersign.step_up_challenges_pkey', indisprimary: true },
  ])
})
