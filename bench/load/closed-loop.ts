import type { Answer } from './answer-reader.js'
import { openConnections, type Target } from './connection.js'
import { type LoadResult, Tally } from './tally.js'

/** The next request; undefined when there are no more. */
export type NextRequest = () => Buffer | undefined

export interface ClosedLoop {
  readonly targets: readonly Target[]
  readonly connections: number
  readonly ms: number
  readonly next: NextRequest
  /** Gets every answer with its body, and what it answers. */
  readonly onAnswer?: (answer: Answer, request: Buffer) => void
}

/**
 * Keeps a fixed number of connections busy: each sends its next request when the last is answered, until the time is over
 * or there are no more requests. Every request that was sent is answered when this resolves.
 */
export async function closedLoop(load: ClosedLoop): Promise<LoadResult> {
  const connections = await openConnections(load.targets, load.connections, load.onAnswer !== undefined)
  const tally = new Tally()
  const started = performance.now()
  const deadline = started + load.ms
  let last = started
  try {
    await Promise.all(
      connections.map(async (connection) => {
        for (;;) {
          const sent = performance.now()
          const request = sent < deadline ? load.next() : undefined
          if (request === undefined) return
          const answer = await connection.send(request)
          last = performance.now()
          tally.add(answer, last - sent)
          load.onAnswer?.(answer, request)
        }
      }),
    )
  } finally {
    for (const connection of connections) connection.close()
  }
  return tally.result((last - started) / 1000)
}
