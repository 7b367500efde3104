import type { Logger } from 'pino'
import type { Db } from '../store/database.js'
import { lockZone } from '../store/zone-change.js'
import { findEndedChains, removeChains, removeStale, STALE, tryLock, unlock } from './queries.js'

export interface SweepDeps {
  readonly db: Db
  readonly log: Logger
  /** Milliseconds between sweeps; a minute by default. */
  readonly everyMs?: number
  /** Rows a batch; 500 by default. */
  readonly batch?: number
}

const EVERY_MS = 60_000
const BATCH = 500
// A backlog is worked off over several sweeps, so that one never holds its connection for long.
const MOST_BATCHES = 40

/**
 * Removes what means nothing any more: challenges that ended a day ago, values and answers whose time is over, old
 * changes, spent throttles. Every node has one of these and one of them sweeps at a time, in small batches.
 */
export class Sweeper {
  #timer: NodeJS.Timeout | undefined
  #sweeping: Promise<unknown> = Promise.resolve()
  #stopped = false

  constructor(private readonly deps: SweepDeps) {}

  start(): void {
    this.#timer = setInterval(() => {
      this.#sweeping = this.#sweeping.then(() => this.sweep())
    }, this.deps.everyMs ?? EVERY_MS).unref()
  }

  /** Stops after the batch that is under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#timer)
    await this.#sweeping
  }

  /**
   * Sweeps once. What goes wrong is logged and left for the next time: nothing waits for a sweep.
   *
   * @returns false when another node was sweeping
   */
  async sweep(): Promise<boolean> {
    try {
      return await this.deps.db.connection().execute(async (db) => {
        if (this.#stopped || !(await tryLock(db))) return false
        try {
          await this.#repeat('step_up_challenges', () => this.#sweepChallenges(db))
          for (const stale of STALE) await this.#repeat(stale.table, () => removeStale(db, stale, this.#batch))
        } finally {
          await unlock(db)
        }
        return true
      })
    } catch (error) {
      this.deps.log.warn({ err: error }, 'a sweep broke off')
      return true
    }
  }

  get #batch(): number {
    return this.deps.batch ?? BATCH
  }

  async #repeat(what: string, removeBatch: () => Promise<number>): Promise<void> {
    try {
      for (let batch = 0; batch < MOST_BATCHES && !this.#stopped; batch++) {
        if ((await removeBatch()) < this.#batch) return
      }
    } catch (error) {
      this.deps.log.warn({ err: error, table: what }, 'a table could not be swept')
    }
  }

  async #sweepChallenges(db: Db): Promise<number> {
    const ended = await findEndedChains(db, this.#batch)
    for (const chains of ended) {
      if (this.#stopped) break
      await db.transaction().execute(async (tx) => {
        await lockZone(tx, chains.zoneId)
        await removeChains(tx, chains)
      })
    }
    return ended.reduce((sum, { ids }) => sum + ids.length, 0)
  }
}
