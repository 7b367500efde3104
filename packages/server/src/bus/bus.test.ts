import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../test/support/postgres.js'
import { type Bus, openPostgresBus } from './bus.js'

let database: TestDatabase
let bus: Bus
let other: pg.Client

beforeAll(async () => {
  database = await testDatabase()
  other = new pg.Client({ connectionString: database.url })
  await other.connect()
  bus = await openPostgresBus(database.connection, () => {})
})
afterAll(async () => {
  await bus.close()
  await other.end()
  await database.drop()
})

/** The backends of this database that listen. */
async function listeners(): Promise<number[]> {
  const { rows } = await other.query<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query = 'LISTEN countersign'",
  )
  return rows.map(({ pid }) => pid)
}

const notify = (topic: string) =>
  other.query('SELECT pg_notify($1, $2)', ['countersign', JSON.stringify({ topic, zoneId: 'z', id: 'i' })])

test('news reaches every listener, and what is not news harms nobody', async () => {
  const heard = new Promise((resolve) => bus.subscribe({ news: resolve }))
  await other.query("SELECT pg_notify('countersign', 'not json')")
  await notify('zone')
  expect(await heard).toEqual({ topic: 'zone', zoneId: 'z', id: 'i' })
})

test('a lost connection is replaced by one, however often it is lost, and listeners are told of the gap', async () => {
  for (let times = 0; times < 3; times++) {
    const gap = new Promise<void>((resolve) => bus.subscribe({ news: () => {}, gap: resolve }))
    for (const pid of await listeners()) await other.query('SELECT pg_terminate_backend($1)', [pid])
    await gap
    expect(await listeners()).toHaveLength(1)
  }
})

test('attempts that fail do not multiply', async () => {
  const name = new URL(database.url).pathname.slice(1)
  const root = new pg.Client({ connectionString: Object.assign(new URL(database.url), { pathname: '/postgres' }).href })
  await root.connect()
  const gap = new Promise<void>((resolve) => bus.subscribe({ news: () => {}, gap: resolve }))
  await root.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`)
  for (const pid of await listeners()) await other.query('SELECT pg_terminate_backend($1)', [pid])
  // Long enough for several attempts to be turned away.
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  await root.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`)
  await gap
  await new Promise((resolve) => setTimeout(resolve, 600))
  expect(await listeners()).toHaveLength(1)
  await root.end()
})
