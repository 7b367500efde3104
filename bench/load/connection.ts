import { connect, type Socket } from 'node:net'
import { type Answer, AnswerReader } from './answer-reader.js'

/** Where load is sent to. */
export interface Target {
  readonly port: number
}

/**
 * A kept-alive connection with one request under way at most. Requests are bytes made beforehand and answers are only
 * framed, so that the generator takes as little of the machine as it can.
 */
export class Connection {
  readonly #socket: Socket
  readonly #reader: AnswerReader
  #settle: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined
  #broken: Error | undefined

  private constructor(socket: Socket, keepBody: boolean) {
    this.#socket = socket
    this.#reader = new AnswerReader(keepBody)
    socket.on('data', (chunk) => {
      try {
        const answer = this.#reader.read(chunk)
        if (answer !== undefined) this.#take()?.resolve(answer)
      } catch (error) {
        this.#break(error as Error)
      }
    })
    socket.on('error', (error) => this.#break(error))
    socket.on('close', () => this.#break(new Error('the server closed a connection that was in use')))
  }

  static open(target: Target, keepBody = false): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: target.port, noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new Connection(socket, keepBody))
      })
    })
  }

  /** Sends a request and resolves with its answer. */
  send(request: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== undefined) return reject(this.#broken)
      this.#settle = { resolve, reject }
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#settle = undefined
    this.#socket.destroy()
  }

  #take() {
    const settle = this.#settle
    this.#settle = undefined
    return settle
  }

  #break(error: Error): void {
    this.#broken ??= error
    this.#take()?.reject(error)
    this.#socket.destroy()
  }
}

/** Opens many connections, spread evenly over the targets. */
export function openConnections(targets: readonly Target[], count: number, keepBody = false): Promise<Connection[]> {
  return Promise.all(
    Array.from({ length: count }, (_, n) => Connection.open(targets[n % targets.length] as Target, keepBody)),
  )
}
