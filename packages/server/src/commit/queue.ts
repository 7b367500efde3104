import pg from 'pg'
import type { Connection } from '../store/database.js'
import { CommitConnection } from './connection.js'
import { type CommitItem, exclusiveKeys, type Verdict } from './item.js'

/** Nothing was recorded, and nothing is known to be wrong with the request: it may be tried again. */
export class CommitUnavailable extends Error {
  constructor(
    message: string,
    /** After how many seconds to try again. */
    readonly retryAfter: number,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

export interface CommitQueueOptions {
  readonly connection: Connection
  /** Told of every failure of the database, for the log. */
  readonly onError: (error: Error) => void
  /** Most items in one transaction. */
  readonly mostInBatch?: number
  /** Most items waiting; beyond it new ones are refused at once, since they would only wait in vain. */
  readonly mostWaiting?: number
  /** How long an item may wait for an answer in all, in milliseconds. */
  readonly patienceMs?: number
}

interface Waiting {
  readonly item: CommitItem
  readonly keys: readonly string[]
  readonly deadline: number
  readonly resolve: (verdict: Verdict) => void
  readonly reject: (error: Error) => void
}

/** Batches up to this size are not divided: the rows of a few more cost the database less than another transaction. */
const SMALL_BATCH = 16
/** SQLSTATE of a lock that was not had in time. */
const LOCK_NOT_AVAILABLE = '55P03'
const RECONNECT_MS = 100
const GIVE_UP_EVERY_MS = 500

/**
 * Group commit: outcomes that arrive while a transaction is on its way go into the next one together. One is in flight
 * at a time, on a connection of its own, so a busy node makes its batches larger and an idle one waits for nothing.
 *
 * The main thread answers one half of what is under way while the database records the other. Left to themselves the halves
 * drift apart, to 54 and 10 of 64, and each waits for the other in turn: one in ten milliseconds the main thread had nothing
 * to do, now one in thirty, with 1.08 to 1.12 times as many exchanges.
 *
 * When the connection breaks with a batch in flight, nobody knows whether it was committed: it is submitted again
 * marked so, and what is already in the ledger is answered as recorded.
 */
export class CommitQueue {
  readonly #options: Required<CommitQueueOptions>
  readonly #waiting: Waiting[] = []
  #inFlight: readonly Waiting[] = []
  #connection: CommitConnection | undefined
  #running = false
  #closed = false
  #idle: (() => void)[] = []

  constructor(options: CommitQueueOptions) {
    this.#options = { mostInBatch: 256, mostWaiting: 2048, patienceMs: 8_000, ...options }
  }

  /** How many items wait for the next transaction. */
  get depth(): number {
    return this.#waiting.length
  }

  /**
   * Records an outcome, or says why it was not.
   *
   * @throws CommitUnavailable when the queue is full, closing, or the database does not answer in time
   */
  submit(item: CommitItem): Promise<Verdict> {
    if (this.#closed) return Promise.reject(new CommitUnavailable('the service is stopping', 1))
    if (this.#waiting.length >= this.#options.mostWaiting) {
      return Promise.reject(new CommitUnavailable('more requests than the database can record', 1))
    }
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + this.#options.patienceMs
      this.#waiting.push({ item, keys: exclusiveKeys(item), deadline, resolve, reject })
      if (!this.#running) {
        this.#running = true
        // What arrives in the same turn of the event loop belongs in the same batch.
        setImmediate(() => this.#run())
      }
    })
  }

  /** Records what waits, then closes. Nothing new is taken. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#running) await new Promise<void>((resolve) => this.#idle.push(resolve))
    await this.#drop()
  }

  async #run(): Promise<void> {
    const watch = setInterval(() => this.#giveUp(), GIVE_UP_EVERY_MS)
    while (this.#waiting.length > 0) {
      const underWay = this.#inFlight.length + this.#waiting.length
      this.#inFlight = this.#take(Math.max(SMALL_BATCH, Math.ceil(underWay / 2)))
      await this.#settle(this.#inFlight)
    }
    this.#inFlight = []
    clearInterval(watch)
    this.#running = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  // A database that says nothing at all must not keep anybody longer than their patience. What is in flight may be
  // committed all the same; nobody is told so, and an idempotency key finds it.
  #giveUp(): void {
    const now = performance.now()
    for (const waiting of this.#inFlight) if (waiting.deadline <= now) waiting.reject(late())
    const patient = this.#waiting.filter((waiting) => waiting.deadline > now)
    if (patient.length === this.#waiting.length) return
    for (const waiting of this.#waiting) if (waiting.deadline <= now) waiting.reject(late())
    this.#waiting.splice(0, this.#waiting.length, ...patient)
  }

  #take(half: number): Waiting[] {
    const most = Math.min(half, this.#options.mostInBatch)
    const taken: Waiting[] = []
    const held = new Set<string>()
    let kept = 0
    for (let index = 0; index < this.#waiting.length; index++) {
      const waiting = this.#waiting[index] as Waiting
      if (taken.length < most && !waiting.keys.some((key) => held.has(key))) {
        for (const key of waiting.keys) held.add(key)
        taken.push(waiting)
      } else {
        this.#waiting[kept++] = waiting
      }
    }
    this.#waiting.length = kept
    return taken
  }

  async #settle(batch: readonly Waiting[], inDoubt = false): Promise<void> {
    let resubmitted = inDoubt
    for (;;) {
      const now = performance.now()
      const patient = batch.filter((waiting) => waiting.deadline > now)
      if (patient.length < batch.length) {
        for (const waiting of batch) if (waiting.deadline <= now) waiting.reject(late())
        if (patient.length > 0) await this.#settle(patient, resubmitted)
        return
      }
      try {
        const connection = await this.#connect()
        const items = batch.map(({ item }) => item)
        const verdicts = await connection.record(items, resubmitted)
        // In the next tick: what follows from the answers keeps this thread for milliseconds, and before that the database
        // gets its next batch.
        process.nextTick(() => {
          batch.forEach((waiting, n) => {
            waiting.resolve(verdicts[n] ?? STALE)
          })
        })
        return
      } catch (error) {
        const failure = error instanceof Error ? error : new Error(String(error))
        this.#options.onError(failure)
        if (isDataError(failure)) {
          // One of them cannot be written. Alone, each of the others can, and that one is named.
          if (batch.length === 1) batch[0]?.reject(failure)
          else for (const waiting of batch) await this.#settle([waiting], resubmitted)
          return
        }
        if (failure instanceof pg.DatabaseError && !isShutdown(failure)) {
          const zones = failure.code === LOCK_NOT_AVAILABLE ? byZone(batch) : []
          if (zones.length > 1) {
            // Somebody holds one zone's lock, which is nothing to the others.
            for (const ofZone of zones) await this.#settle(ofZone, resubmitted)
            return
          }
          // Rolled back for certain, by a time-out or a lost race for locks.
          for (const waiting of batch)
            waiting.reject(new CommitUnavailable('the database is busy', 1, { cause: failure }))
          return
        }
        resubmitted = true
        void this.#drop()
        await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS))
      }
    }
  }

  async #connect(): Promise<CommitConnection> {
    this.#connection ??= await CommitConnection.open(this.#options.connection, (lost) => {
      if (this.#connection === lost) this.#connection = undefined
    })
    return this.#connection
  }

  async #drop(): Promise<void> {
    const connection = this.#connection
    this.#connection = undefined
    await connection?.close()
  }
}

const STALE: Verdict = { status: 'stale' }

function late(): CommitUnavailable {
  return new CommitUnavailable('the database did not answer in time', 1)
}

// Classes 22 (data exception), 23 (integrity constraint violation) and 54 (a limit of the database, such as an index row's).
function isDataError(error: Error): boolean {
  return error instanceof pg.DatabaseError && /^(?:2[23]|54)/.test(error.code ?? '')
}

function byZone(batch: readonly Waiting[]): Waiting[][] {
  const zones = new Map<string, Waiting[]>()
  for (const waiting of batch) {
    const { zoneId } = waiting.item
    const ofZone = zones.get(zoneId)
    if (ofZone === undefined) zones.set(zoneId, [waiting])
    else ofZone.push(waiting)
  }
  return [...zones.values()]
}

// Class 57P: the server is going down or coming up; the connection is of no more use.
function isShutdown(error: pg.DatabaseError): boolean {
  return error.code?.startsWith('57P') === true
}
