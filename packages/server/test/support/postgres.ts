import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import type {} from './global-setup.js'

/** An empty database of one's own. */
export interface TestDatabase {
  /** For `DATABASE_URL`, and for `pg`: `new pg.Client({ connectionString: url })`. */
  readonly url: string
  /** The same for the store. */
  readonly connection: { readonly url: string }
  /** Removes it, closing what is still connected. */
  drop(): Promise<void>
}

/**
 * Creates an empty database (some 30 ms) on the run's PostgreSQL server.
 *
 * @example
 * const database = await testDatabase()
 * afterAll(() => database.drop())
 */
export async function testDatabase(): Promise<TestDatabase> {
  const server = inject('testServerUrl')
  const name = `countersign_test_${randomBytes(6).toString('hex')}`
  await execute(server, `CREATE DATABASE ${name}`)
  const { href: url } = Object.assign(new URL(server), { pathname: `/${name}` })
  return {
    url,
    connection: { url },
    drop: () => execute(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  }
}

async function execute(server: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
