import { Kysely, PostgresDialect, type Transaction } from 'kysely'
import pg from 'pg'
import type { Tables } from './tables.js'

/** Where PostgreSQL is: a URL, or the parts of a local connection. */
export type Connection =
  | { readonly url: string }
  | {
      readonly host: string
      readonly port: number
      readonly user: string
      readonly database: string
      readonly password?: string | undefined
    }

/** The database as queries see it. */
export type Db = Kysely<Tables>
export type Tx = Transaction<Tables>

const TIMESTAMPTZ = 1184
const TIMESTAMPTZ_ARRAY = 1185
const INT8 = 20

type Parser = (text: string) => unknown

// Times are milliseconds and 64-bit counters are numbers everywhere in the service; neither comes near 2^53.
const parsers = new Map<number, Parser>([
  [TIMESTAMPTZ, (text) => Date.parse(text)],
  [TIMESTAMPTZ_ARRAY, (text) => parseDates(text).map((date) => date?.getTime() ?? null)],
  [INT8, Number],
])
const parseDates = pg.types.getTypeParser(
  TIMESTAMPTZ_ARRAY as Parameters<typeof pg.types.getTypeParser>[0],
  'text',
) as (text: string) => (Date | null)[]

const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => parsers.get(oid) ?? pg.types.getTypeParser(oid, format ?? 'text'),
}

/** Options of `pg` for a connection of the service: its schema, its time zone, its way of reading values. */
export function clientConfig(connection: Connection): pg.ClientConfig {
  const target =
    'url' in connection
      ? { connectionString: connection.url }
      : {
          host: connection.host,
          port: connection.port,
          user: connection.user,
          database: connection.database,
          password: connection.password,
        }
  return {
    ...target,
    types,
    application_name: 'countersign',
    connectionTimeoutMillis: 5_000,
    // Above the server's own statement limit: only reached when the server is unreachable.
    query_timeout: 6_000,
    keepAlive: true,
    // Everything that a request reads has an index. A plan that was made, and kept, when a table was small would go on
    // reading the whole of it when it is large: statistics come a minute later, if at all.
    options:
      '-c search_path=countersign -c TimeZone=UTC -c lock_timeout=2s -c statement_timeout=5s -c enable_seqscan=off',
  }
}

/** A statement with a name of its own; what differs from run to run is in its parameters. */
export interface Statement {
  readonly name: string
  readonly text: string
}

// Kysely cannot name a statement.
const pools = new WeakMap<Db, pg.Pool>()

/**
 * Runs a statement that each connection parses and plans once, and not every time: for what requests wait for. With the
 * challenges that retries present read so, many at a time, a retry takes 0.13 ms of the database where it took 0.9.
 *
 * What is looked up for each of many keys stands in a subquery that ends in OFFSET 0, which has it looked up row by row.
 * For a plain join the planner may read a table as a whole that was small when it planned, and keep to that.
 *
 * @param db from {@link openDatabase}; not a transaction
 * @example
 * ```ts
 * const rows = await prepared<{ n: number }>(db, { name: 'echo', text: 'SELECT $1::int AS n' }, [1])
 * ```
 */
export async function prepared<Row extends pg.QueryResultRow>(
  db: Db,
  { name, text }: Statement,
  values: readonly unknown[],
): Promise<Row[]> {
  const pool = pools.get(db)
  if (pool === undefined) throw new Error('a prepared statement needs a database that openDatabase has opened')
  return (await pool.query<Row>({ name, text, values: [...values] })).rows
}

/** A pool of connections and Kysely on it, for everything that is not the commit. */
export function openDatabase(connection: Connection, size: number): { db: Db; pool: pg.Pool } {
  const pool = new pg.Pool({ ...clientConfig(connection), max: size, idleTimeoutMillis: 30_000 })
  // A connection that breaks is replaced, and whoever was using it is told by their query. Without listeners, for when
  // it is idle and for when it is lent out, it would end the process.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  pools.set(db, pool)
  return { db, pool }
}
