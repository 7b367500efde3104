import { sql } from 'kysely'
import type { ReadinessCheck } from '../http/health.js'
import type { Db } from './database.js'

/** Whether the database answers with our schema, and takes writes: without it nothing is decided and nothing recorded. */
export function databaseReadiness(db: Db): readonly ReadinessCheck[] {
  return [
    { name: 'database', check: async () => void (await sql`SELECT countersign.now()`.execute(db)) },
    {
      name: 'database_writable',
      check: async () => {
        const found = await sql<{ read_only: string }>`
          SELECT current_setting('transaction_read_only') AS read_only`.execute(db)
        if (found.rows[0]?.read_only !== 'off') throw new Error('the database is read-only')
      },
    },
  ]
}
