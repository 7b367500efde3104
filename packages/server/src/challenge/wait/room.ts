import type { Bus } from '../../bus/bus.js'
import { BatchedRead } from '../../store/batched-read.js'
import type { Db } from '../../store/database.js'
import { readStandings, type Standing, standingKey } from './queries.js'
import { Waiter } from './waiter.js'

/** How many may wait at once, on this node. */
export interface WaitLimits {
  /** Of one challenge; one more, and the oldest is answered. */
  readonly perChallenge: number
  readonly perApplication: number
  readonly total: number
}

const WAIT_LIMITS: WaitLimits = { perChallenge: 4, perApplication: 1_000, total: 4_000 }

/** Where a wait ended: with what holds, with nobody there any more, or before it began for want of room. */
export type WaitEnd =
  | { readonly end: 'answered'; readonly standing: Standing }
  | { readonly end: 'gone' }
  | { readonly end: 'full'; readonly of: 'application' | 'all' }

/** A challenge whose holder has been authorised. */
export interface Awaited {
  readonly zoneId: string
  readonly id: string
  readonly applicationId: string
}

/**
 * Where requests wait for challenges. News wakes them; each then looks for itself, and those who look at the same
 * moment share one query. Nobody depends on news: a waiter looks when it enters, at every gap in the news, when the
 * challenge expires, and before it is answered. Between these nothing runs.
 */
export class WaitRoom {
  readonly #standings: BatchedRead<Standing>
  readonly #byChallenge = new Map<string, Set<Waiter>>()
  readonly #byApplication = new Map<string, number>()
  readonly #unsubscribe: () => void
  #total = 0
  #draining = false

  constructor(
    db: Db,
    bus: Bus,
    private readonly limits: WaitLimits = WAIT_LIMITS,
  ) {
    this.#standings = new BatchedRead((keys) => readStandings(db, keys))
    this.#unsubscribe = bus.subscribe({
      news: ({ topic, zoneId, id }) => {
        if (topic === 'challenge') this.#wake(standingKey(zoneId, id))
        else if (topic === 'clock') this.#each((waiter) => waiter.wake())
      },
      gap: () => this.#each((waiter) => waiter.wake()),
    })
  }

  /** Whether this node is stopping, and holds nobody any more. */
  get draining(): boolean {
    return this.#draining
  }

  /**
   * Waits until the challenge is no longer pending, for `ms` milliseconds at most; 0 looks once. `gone` aborts when the
   * client has left.
   */
  async wait(awaited: Awaited, ms: number, gone?: AbortSignal): Promise<WaitEnd> {
    const waiter = new Waiter(standingKey(awaited.zoneId, awaited.id), `${awaited.zoneId}/${awaited.applicationId}`)
    const full = this.#enter(waiter)
    if (full !== undefined) return { end: 'full', of: full }
    const release = (): void => waiter.release()
    const patience = setTimeout(release, ms)
    gone?.addEventListener('abort', release)
    if (this.#draining || ms <= 0) waiter.release()
    try {
      for (;;) {
        if (gone?.aborted) return { end: 'gone' }
        const last = waiter.released
        waiter.look()
        const standing = await this.#standings.ask(waiter.challenge)
        if (standing === undefined) return { end: 'gone' }
        if (last || standing.state !== 'pending') return { end: 'answered', standing }
        await waiter.sleep(Math.max(1, standing.expiresAt - standing.now))
      }
    } finally {
      clearTimeout(patience)
      gone?.removeEventListener('abort', release)
      this.#leave(waiter)
    }
  }

  /** Answers everyone with what holds now, and from here on whoever comes. */
  drain(): void {
    this.#draining = true
    this.#each((waiter) => waiter.release())
  }

  /** Drains, and hears no more news. */
  close(): void {
    this.drain()
    this.#unsubscribe()
  }

  #enter(waiter: Waiter): 'application' | 'all' | undefined {
    const same = this.#byChallenge.get(waiter.challenge) ?? new Set()
    const oldest = same.size >= this.limits.perChallenge ? firstPatient(same) : undefined
    const ofApplication = this.#byApplication.get(waiter.application) ?? 0
    // Whoever takes another's place takes no room.
    if (oldest === undefined) {
      if (this.#total >= this.limits.total) return 'all'
      if (ofApplication >= this.limits.perApplication) return 'application'
    }
    oldest?.release()
    this.#byChallenge.set(waiter.challenge, same.add(waiter))
    this.#byApplication.set(waiter.application, ofApplication + 1)
    this.#total += 1
    return undefined
  }

  #leave(waiter: Waiter): void {
    const same = this.#byChallenge.get(waiter.challenge)
    same?.delete(waiter)
    if (same?.size === 0) this.#byChallenge.delete(waiter.challenge)
    const ofApplication = (this.#byApplication.get(waiter.application) ?? 1) - 1
    if (ofApplication === 0) this.#byApplication.delete(waiter.application)
    else this.#byApplication.set(waiter.application, ofApplication)
    this.#total -= 1
  }

  #wake(challenge: string): void {
    for (const waiter of this.#byChallenge.get(challenge) ?? []) waiter.wake()
  }

  #each(act: (waiter: Waiter) => void): void {
    for (const waiters of this.#byChallenge.values()) for (const waiter of waiters) act(waiter)
  }
}

// Sets keep the order in which they were filled; those already released are on their way out.
function firstPatient(waiters: ReadonlySet<Waiter>): Waiter | undefined {
  for (const waiter of waiters) if (!waiter.released) return waiter
  return undefined
}
