import { performance } from 'node:perf_hooks'
import { type HttpAnswer, NO_STORE } from '../http/answer.js'

/** As many as one commit takes: what comes beyond them could only wait, and would make everybody wait longer. */
const MOST_UNDER_WAY = 256

/** With as many under way a main thread works at its limit: what comes beyond them only makes its turns longer. */
const MOST_WITHOUT_REST = 64

export interface Room {
  /** How many may be under way at once. */
  readonly most: number
  /** How many once the main thread has had no rest for as long as a burst takes. */
  readonly mostWithoutRest: number
  /** For how many milliseconds the main thread has had no rest. */
  readonly restlessMs: () => number
  /** How many of those under way wait for somebody else's server: they take nobody's place. */
  readonly elsewhere: () => number
}

const RETRY_AFTER_SECONDS = 1
/** What gathers while a collection of garbage or a slow write holds everything up is worked off in less. */
const BURST_MS = 50
const LOOK_EVERY_MS = 10
/** Of the time between two looks, what counts as rest. */
const REST = 0.02

/**
 * Keeps no more requests under way than can be answered in time; what is one too many is told at once to come back.
 *
 * What is short decides how many that is. While it is the disk, more of them make larger commits. Once it is the main
 * thread, each turn of its loop, of which an answer takes several, grows with them: at twice the load that can be
 * sustained, with 256 whatever is short, p99 was 130 to 215 ms and p50 50 to 85 ms, and so they are 30 to 95 and 8 to 20,
 * with as many answered or more. With 48 without rest a twentieth more are answered then, but callers who keep no more than 64
 * under way, as one busy client does, would be refused although all of them can be answered.
 *
 * Whether it is a burst or the main thread shows only in time, so there is the less room the longer it has had no rest: with
 * all of it until the burst's time was over, the first 256 of an overload waited for each other, and p99 was 124 ms instead of 71.
 */
export class UnderWay {
  readonly #room: Room
  #count = 0

  constructor(room: Partial<Room> = {}) {
    this.#room = {
      most: MOST_UNDER_WAY,
      mostWithoutRest: MOST_WITHOUT_REST,
      restlessMs: watchRest(),
      elsewhere: () => 0,
      ...room,
    }
  }

  /**
   * Does a request's work if there is room for it, and otherwise refuses it. The place is the work's: what a client does to
   * its connection neither keeps nor frees one, nor does a body that is slow to come, which is read before.
   */
  async answer(requestId: string, work: () => Promise<HttpAnswer>): Promise<HttpAnswer> {
    const refused = this.refusal(requestId)
    if (refused !== undefined) return refused
    this.#count++
    try {
      return await work()
    } finally {
      this.#count--
    }
  }

  /** What a request gets for which there is no room now. */
  refusal(requestId: string): HttpAnswer | undefined {
    return this.#hasRoom() ? undefined : refusal(requestId)
  }

  #hasRoom(): boolean {
    const { most, mostWithoutRest, restlessMs, elsewhere } = this.#room
    const restless = Math.min(restlessMs() / BURST_MS, 1)
    return this.#count - elsewhere() < most - restless * Math.max(0, most - mostWithoutRest)
  }
}

function refusal(requestId: string): HttpAnswer {
  const error = 'temporarily_unavailable'
  const error_description = 'more requests are under way than this node can answer in time'
  const headers = { ...NO_STORE, 'retry-after': String(RETRY_AFTER_SECONDS) }
  return { status: 503, headers, json: JSON.stringify({ error, error_description, requestId }) }
}

/** Tells for how long the event loop has had something to do all the time. Looks only when it is asked: no timer. */
export function watchRest(): () => number {
  let lookedAt = performance.now()
  let restedAt = lookedAt
  let { idle } = performance.eventLoopUtilization()
  return () => {
    const now = performance.now()
    const passed = now - lookedAt
    if (passed >= LOOK_EVERY_MS) {
      const before = idle
      idle = performance.eventLoopUtilization().idle
      if (idle - before >= passed * REST) restedAt = now
      lookedAt = now
    }
    return now - restedAt
  }
}
