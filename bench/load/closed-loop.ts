import { connect, type Socket } from 'node:net'
import { Histogram } from './histogram.js'

/** A request as bytes, ready to be written. */
export type RequestBytes = Buffer

/** What a run saw. Times in milliseconds. */
export interface LoadResult {
  readonly requests: number
  readonly seconds: number
  readonly statuses: ReadonlyMap<number, number>
  readonly latency: Histogram
}

export interface ClosedLoop {
  readonly host: string
  readonly port: number
  readonly connections: number
  readonly ms: number
  /** The next request; undefined when there are no more, which ends the run. */
  readonly next: () => RequestBytes | undefined
}

/**
 * Keeps a fixed number of connections busy: each sends its next request when the last is answered. The requests are
 * bytes made beforehand and answers are only framed, so that the generator takes as little of the machine as it can.
 */
export async function closedLoop(load: ClosedLoop): Promise<LoadResult> {
  const latency = new Histogram()
  const statuses = new Map<number, number>()
  const started = performance.now()
  const deadline = started + load.ms
  let requests = 0
  let last = started
  await Promise.all(
    Array.from({ length: load.connections }, () =>
      drive(load, deadline, (status, ms) => {
        requests++
        last = performance.now()
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        latency.record(ms)
      }),
    ),
  )
  return { requests, seconds: (last - started) / 1000, statuses, latency }
}

function drive(load: ClosedLoop, deadline: number, answered: (status: number, ms: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ host: load.host, port: load.port, noDelay: true })
    const reader = new AnswerReader()
    let sentAt = 0
    const send = (): void => {
      const bytes = performance.now() < deadline ? load.next() : undefined
      if (bytes === undefined) {
        socket.destroy()
        resolve()
        return
      }
      sentAt = performance.now()
      socket.write(bytes)
    }
    socket.on('connect', send)
    socket.on('data', (chunk) => {
      const status = reader.read(chunk)
      if (status === undefined) return
      answered(status, performance.now() - sentAt)
      send()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve())
  })
}

/** Finds where an answer ends, by its Content-Length; one answer at a time. */
export class AnswerReader {
  #held: Buffer = Buffer.alloc(0)
  #ends = 0
  #status = 0

  /** The status when the answer is whole. */
  read(chunk: Buffer): number | undefined {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    if (this.#ends === 0) {
      const head = this.#held.indexOf('\r\n\r\n')
      if (head === -1) return undefined
      const text = this.#held.toString('latin1', 0, head)
      this.#status = Number(text.slice(9, 12))
      this.#ends = head + 4 + Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0)
    }
    if (this.#held.length < this.#ends) return undefined
    this.#held = Buffer.alloc(0)
    this.#ends = 0
    return this.#status
  }
}
