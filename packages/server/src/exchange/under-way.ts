import { performance } from 'node:perf_hooks'
import type { onRequestHookHandler } from 'fastify'

/** As many as one commit takes: what comes beyond them could only wait, and would make everybody wait longer. */
export const MOST_UNDER_WAY = 256

/** With as many under way a main thread works at its limit: what comes beyond them only makes its turns longer. */
export const MOST_WITHOUT_REST = 64

export interface Room {
  /** How many may be under way at once. */
  readonly most: number
  /** How many once the main thread has had no rest for longer than a burst takes. */
  readonly mostWithoutRest: number
  /** For how many milliseconds the main thread has had no rest. */
  readonly restlessMs: () => number
}

const RETRY_AFTER_SECONDS = 1
/** What gathers while a collection of garbage or a slow write holds everything up is worked off in less. */
const BURST_MS = 50
const LOOK_EVERY_MS = 10
/** Of the time between two looks, what counts as rest. */
const REST = 0.02

/**
 * A hook that refuses requests of its routes with 503 and `Retry-After` when more are under way than can be answered in time.
 * Nothing is read of them, and nothing is thrown: too much to do is when a refusal must cost next to nothing.
 *
 * What is short decides how many that is. While it is the disk, more of them make larger commits. Once it is the main
 * thread, each turn of its loop, of which an answer takes several, grows with them: at twice the load that can be
 * sustained, with 256 whatever is short, p99 was 130 to 215 ms and p50 50 to 85 ms, and so they are 40 to 95 and 11 to 19,
 * with as many answered or more. With 48 whatever is short, 2 to 8 % were refused at half that load too.
 */
export function limitUnderWay(room: Partial<Room> = {}): onRequestHookHandler {
  const { most = MOST_UNDER_WAY, mostWithoutRest = MOST_WITHOUT_REST, restlessMs = watchRest() } = room
  let underWay = 0
  const isRoom = (): boolean => {
    const restless = restlessMs() > BURST_MS
    return underWay < (restless ? Math.min(most, mostWithoutRest) : most)
  }
  return (request, reply, done) => {
    if (isRoom()) {
      underWay++
      // Comes after an answer, and when the client leaves without one.
      reply.raw.once('close', () => {
        underWay--
      })
      done()
      return
    }
    const body = JSON.stringify({
      error: 'temporarily_unavailable',
      error_description: 'more requests are under way than this node can answer in time',
      requestId: request.id,
    })
    reply.headers({
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(Buffer.byteLength(body)),
      'cache-control': 'no-store',
      'retry-after': String(RETRY_AFTER_SECONDS),
    })
    reply.hijack()
    for (const [name, value] of Object.entries(reply.getHeaders()))
      if (value !== undefined) reply.raw.setHeader(name, value)
    reply.raw.writeHead(503).end(body)
  }
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
