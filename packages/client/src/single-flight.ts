import { AbortedError } from './errors.js'

interface Flight<T> {
  readonly result: Promise<T>
  readonly controller: AbortController
  waiting: number
}

/**
 * Lets concurrent callers of the same thing share one run of it. A caller that gives up leaves the others alone; the run
 * is aborted when nobody waits for it any more.
 */
export class SingleFlight<T> {
  #flights = new Map<string, Flight<T>>()

  /** Joins the run under `key`, or starts it. */
  run(key: string, signal: AbortSignal | undefined, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (signal?.aborted) return Promise.reject(new AbortedError())
    const flight = this.#flights.get(key) ?? this.#start(key, start)
    flight.waiting += 1
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        leave()
        reject(new AbortedError())
      }
      const leave = () => {
        signal?.removeEventListener('abort', onAbort)
        flight.waiting -= 1
        if (flight.waiting > 0) return
        this.#forget(key, flight)
        flight.controller.abort()
      }
      signal?.addEventListener('abort', onAbort)
      flight.result.then(
        (value) => {
          leave()
          resolve(value)
        },
        (error: unknown) => {
          leave()
          reject(error)
        },
      )
    })
  }

  /** From now on nobody joins what is already under way. Those who wait for it still get its answer. */
  clear(): void {
    this.#flights.clear()
  }

  #start(key: string, start: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController()
    const flight: Flight<T> = { result: start(controller.signal), controller, waiting: 0 }
    this.#flights.set(key, flight)
    const ended = () => this.#forget(key, flight)
    flight.result.then(ended, ended)
    return flight
  }

  #forget(key: string, flight: Flight<T>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key)
  }
}
