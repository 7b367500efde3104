import { performance } from 'node:perf_hooks'
import { sql } from 'kysely'
import type { Db } from './database.js'

/** The time, in milliseconds since the epoch. */
export interface Clock {
  now(): number
}

/** A node's view of the database's clock: durable time is the database's, and nodes need not agree among themselves. */
export class DatabaseClock implements Clock {
  // Monotonic, so that an adjustment of this machine's clock between two looks at the database's cannot show.
  #offset = performance.timeOrigin

  now(): number {
    return Math.trunc(performance.now() + this.#offset)
  }

  /** Takes the database's time over; half of the round trip is counted as the way back. */
  async sync(db: Db): Promise<void> {
    const before = performance.now()
    const answer = await sql<{ now: number }>`SELECT countersign.now() AS now`.execute(db)
    const after = performance.now()
    const now = answer.rows[0]?.now
    if (now !== undefined) this.#offset = now - (before + after) / 2
  }
}
