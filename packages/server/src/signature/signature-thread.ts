import type { KeyObject } from 'node:crypto'
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { type Outcome, SLOT_BYTES, Slots, sharedMemory } from './slots.js'
import type { KeyMessage } from './thread.js'

interface Waiting {
  readonly key: KeyObject
  /** Does the work on this thread, or has it done otherwise. */
  readonly here: () => void
  /** Carries on with what the other thread has done. */
  readonly done: (outcome: Outcome) => void
}

/** Fewer signatures are made here at once: to wake another thread for them takes longer. */
const FEW = 4
/** After so many the thread is told, while more are asked for. */
const TOLD_TOGETHER = 8
const SMALL_MB = 8

/**
 * A thread that makes and verifies signatures under ES256, all that are asked for in a turn of the event loop together: they
 * stand in memory that both threads share. By node:crypto's pool, to hand one over and take it back costs the main thread
 * as much as to make it; so 1.09 times as many exchanges, and 1.35 times with every token new.
 *
 * The thread works from the first on. Once it has done what else its turn held, the main thread makes signatures too, from the
 * last on: while it is busy it makes few of them, and where no processor is left for the other one it does not wait.
 */
export class SignatureThread {
  readonly #memory = sharedMemory()
  readonly #slots = new Slots(this.#memory)
  readonly #waiting: (Waiting | undefined)[] = []
  readonly #numbers = new WeakMap<KeyObject, number>()
  #keys = 0
  #worker: Worker | undefined
  // Counts of all that was asked for: the first of it that may still wait, what the thread knows of, and all.
  #first = 0
  #told = 0
  #asked = 0
  #isSharing = false
  #isTelling = false

  constructor() {
    const file = createRequire(import.meta.url).resolve('@countersign/server/signature-thread')
    const worker = new Worker(file, {
      workerData: this.#memory,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: SMALL_MB, maxYoungGenerationSizeMb: SMALL_MB },
    })
    worker.on('message', () => this.#collect())
    worker.on('error', (error) => process.emitWarning(error))
    worker.on('exit', () => this.#alone())
    // Last, since whoever listens for messages waits for them.
    worker.unref()
    this.#worker = worker
  }

  /**
   * Makes a signature, in base64url.
   *
   * @param here makes it on this thread
   * @returns undefined when there is no room for it
   */
  sign(key: KeyObject, input: string, here: () => string): Promise<string> | undefined {
    const slot = this.#ask(key, input, undefined)
    if (slot === undefined) return undefined
    if (!this.#isSharing) {
      this.#isSharing = true
      // When all that can be carried on now has been.
      process.nextTick(() => this.#share())
    }
    return new Promise((resolve, reject) => {
      this.#waiting[slot] = {
        key,
        done: () => resolve(this.#slots.signatureText(slot)),
        here: () => {
          try {
            resolve(here())
          } catch (error) {
            reject(error)
          }
        },
      }
    })
  }

  /**
   * Verifies a signature of 64 bytes.
   *
   * @param elsewhere has it verified in another way
   * @returns undefined when there is no room for it
   */
  verify(
    key: KeyObject,
    input: string,
    signature: Buffer,
    elsewhere: () => Promise<boolean>,
  ): Promise<boolean> | undefined {
    const slot = this.#ask(key, input, signature)
    if (slot === undefined) return undefined
    if (!this.#isTelling) {
      this.#isTelling = true
      // When all that has arrived has been read.
      setImmediate(() => {
        this.#isTelling = false
        this.#tell()
      })
    }
    return new Promise((resolve) => {
      this.#waiting[slot] = {
        key,
        done: (outcome) => resolve(outcome === 'good'),
        here: () => resolve(elsewhere()),
      }
    })
  }

  #ask(key: KeyObject, input: string, signature: Buffer | undefined): number | undefined {
    const slot = Slots.at(this.#asked)
    const hasRoom = this.#waiting[slot] === undefined && input.length <= SLOT_BYTES
    if (this.#worker === undefined || !hasRoom) return undefined
    // The process is not over while somebody waits.
    if (this.#first === this.#asked) this.#worker.ref()
    this.#slots.ask(slot, this.#numberOf(key, this.#worker), input, signature)
    this.#asked = (this.#asked + 1) | 0
    if (((this.#asked - this.#told) | 0) >= TOLD_TOGETHER) this.#tell()
    return slot
  }

  #numberOf(key: KeyObject, worker: Worker): number {
    let number = this.#numbers.get(key)
    if (number === undefined) {
      number = this.#keys++
      this.#numbers.set(key, number)
      worker.postMessage({ number, key } satisfies KeyMessage)
    }
    return number
  }

  #tell(): void {
    this.#told = this.#asked
    this.#slots.tell(this.#told)
  }

  #share(): void {
    const isIdle = this.#told === this.#first
    if (isIdle && ((this.#asked - this.#first) | 0) < FEW) {
      this.#help()
      return
    }
    this.#tell()
    setImmediate(() => this.#help())
  }

  // From the last on, whatever the thread has not taken. What is to be verified is left to it. A thread that is behind may have
  // taken any of them, since a slot is used again, so one that is taken does not say that those before it are.
  #help(): void {
    this.#isSharing = false
    for (let nth = this.#asked; nth !== this.#first; ) {
      nth = (nth - 1) | 0
      const slot = Slots.at(nth)
      if (this.#waiting[slot] === undefined || this.#slots.verifies(slot)) continue
      if (this.#slots.take(slot)) this.#take(slot)?.here()
    }
    this.#collect()
  }

  // In order, so that those which are made together are answered together.
  #collect(): void {
    for (; this.#first !== this.#asked; this.#first = (this.#first + 1) | 0) {
      const slot = Slots.at(this.#first)
      if (this.#waiting[slot] === undefined) continue
      const outcome = this.#slots.outcomeOf(slot)
      if (outcome === undefined) return
      const waiting = this.#take(slot)
      if (outcome !== 'failed') {
        waiting?.done(outcome)
        continue
      }
      // The thread may have dropped the key.
      if (waiting !== undefined) this.#numbers.delete(waiting.key)
      waiting?.here()
    }
    this.#worker?.unref()
  }

  #take(slot: number): Waiting | undefined {
    const waiting = this.#waiting[slot]
    this.#waiting[slot] = undefined
    return waiting
  }

  #alone(): void {
    this.#worker = undefined
    for (let slot = 0; slot < this.#waiting.length; slot++) this.#take(slot)?.here()
  }
}
