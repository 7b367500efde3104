import { setTimeout as sleep } from 'node:timers/promises'
import type { Answer } from './answer-reader.js'
import type { NextRequest } from './closed-loop.js'
import { type Connection, openConnections, type Target } from './connection.js'
import { type LoadResult, Tally } from './tally.js'

export interface OpenLoop {
  readonly targets: readonly Target[]
  /** Arrivals a second. */
  readonly rate: number
  readonly ms: number
  /** How many requests can be under way at once; more arrivals wait, and their wait counts. */
  readonly connections: number
  readonly next: NextRequest
  /** Gets every answer with its body. */
  readonly onAnswer?: (answer: Answer) => void
}

export interface OpenLoopResult extends LoadResult {
  /** Arrivals that were still without an answer when the last had arrived. */
  readonly behind: number
}

/**
 * A connection is open for its client before the server has taken it. Taking a thousand at once holds a server up for
 * longer than the waits that are measured, and is no part of a load at a fixed rate.
 */
const SETTLE_MS = 200

/**
 * Sends requests at a fixed rate, whatever becomes of them. A request's time runs from when it was due, not from when it
 * could be sent, so that a server that falls behind cannot hide it. Arrivals are looked at once a millisecond, which adds
 * up to that much to every time.
 */
export async function openLoop(load: OpenLoop): Promise<OpenLoopResult> {
  const connections = await openConnections(load.targets, load.connections, load.onAnswer !== undefined)
  await sleep(SETTLE_MS)
  const idle = [...connections]
  const overdue: number[] = []
  const tally = new Tally()
  const total = Math.floor((load.rate * load.ms) / 1000)
  const started = performance.now()
  let taken = 0
  let arrived = 0
  let answered = 0
  let behind = 0

  try {
    await new Promise<void>((resolve, reject) => {
      const send = (connection: Connection, due: number): void => {
        const request = load.next()
        if (request === undefined) reject(new Error('an open loop ran out of requests'))
        else
          connection
            .send(request)
            .then((answer) => settle(connection, due, answer))
            .catch(reject)
      }
      const settle = (connection: Connection, due: number, answer: Answer): void => {
        tally.add(answer, performance.now() - due)
        load.onAnswer?.(answer)
        answered++
        const waiting = overdue[taken]
        if (waiting === undefined) idle.push(connection)
        else {
          taken++
          send(connection, waiting)
        }
        if (answered === total) resolve()
      }
      const arrive = (): void => {
        const now = performance.now()
        const due = Math.min(total, Math.floor(((now - started) * load.rate) / 1000) + 1)
        for (; arrived < due; arrived++) {
          const at = started + (arrived * 1000) / load.rate
          const connection = idle.pop()
          if (connection === undefined) overdue.push(at)
          else send(connection, at)
        }
        if (arrived < total) setTimeout(arrive, 1)
        else behind = total - answered
      }
      arrive()
    })
  } finally {
    for (const connection of connections) connection.close()
  }
  return { ...tally.result((performance.now() - started) / 1000), behind }
}
