/** How much may be under way: as much as a commit has items. A power of two. */
export const SLOTS = 256
/** The longest text a slot holds, in bytes; an ordinary token takes a quarter of it. */
export const SLOT_BYTES = 4096
const SIGNATURE_BYTES = 64

/** How the work on a slot ended: the signature was made or is good, is not good, or it could not be tried. */
export type Outcome = 'good' | 'bad' | 'failed'

// What is true of a slot. Whoever moves it on from ASKED does its work.
const ASKED = 1
const TAKEN = 2
const ENDED = 3
const OUTCOMES: readonly Outcome[] = ['good', 'bad', 'failed']

// Of each slot four numbers, and behind them one for all.
const STATE = 0
const LENGTH = 1
const KEY = 2
const VERIFIES = 3
const NUMBERS = 4
const ASKED_SO_FAR = SLOTS * NUMBERS

/** What two threads share. */
export interface SharedMemory {
  readonly numbers: SharedArrayBuffer
  readonly inputs: SharedArrayBuffer
  readonly signatures: SharedArrayBuffer
}

export function sharedMemory(): SharedMemory {
  return {
    numbers: new SharedArrayBuffer((ASKED_SO_FAR + 1) * Int32Array.BYTES_PER_ELEMENT),
    inputs: new SharedArrayBuffer(SLOTS * SLOT_BYTES),
    signatures: new SharedArrayBuffer(SLOTS * SIGNATURE_BYTES),
  }
}

/** Texts and their signatures, in memory that two threads share. Counts of them wrap at 32 bits. */
export class Slots {
  readonly #numbers: Int32Array
  readonly #inputs: Buffer
  readonly #signatures: Buffer

  constructor(memory: SharedMemory) {
    this.#numbers = new Int32Array(memory.numbers)
    this.#inputs = Buffer.from(memory.inputs)
    this.#signatures = Buffer.from(memory.signatures)
  }

  /** The slot of the `nth` that is asked for. */
  static at(nth: number): number {
    return nth & (SLOTS - 1)
  }

  /**
   * Puts a text of ASCII into a slot that nobody waits for.
   *
   * @param signature the one to verify; without it one is to be made
   */
  ask(slot: number, key: number, input: string, signature: Buffer | undefined): void {
    const at = slot * NUMBERS
    this.#numbers[at + LENGTH] = this.#inputs.write(input, slot * SLOT_BYTES, 'latin1')
    this.#numbers[at + KEY] = key
    this.#numbers[at + VERIFIES] = signature === undefined ? 0 : 1
    if (signature !== undefined) this.signatureOf(slot).set(signature)
    Atomics.store(this.#numbers, at + STATE, ASKED)
  }

  /** Takes a slot's work upon oneself; false when somebody has. */
  take(slot: number): boolean {
    return Atomics.compareExchange(this.#numbers, slot * NUMBERS + STATE, ASKED, TAKEN) === ASKED
  }

  keyOf(slot: number): number {
    return this.#numbers[slot * NUMBERS + KEY] as number
  }

  /** Whether a slot's signature is to be verified. */
  verifies(slot: number): boolean {
    return this.#numbers[slot * NUMBERS + VERIFIES] === 1
  }

  inputOf(slot: number): Buffer {
    const start = slot * SLOT_BYTES
    return this.#inputs.subarray(start, start + (this.#numbers[slot * NUMBERS + LENGTH] as number))
  }

  signatureOf(slot: number): Buffer {
    const start = slot * SIGNATURE_BYTES
    return this.#signatures.subarray(start, start + SIGNATURE_BYTES)
  }

  /** The signature in a slot, in base64url. */
  signatureText(slot: number): string {
    const start = slot * SIGNATURE_BYTES
    return this.#signatures.toString('base64url', start, start + SIGNATURE_BYTES)
  }

  /** Ends the work on a slot that was taken. */
  end(slot: number, outcome: Outcome): void {
    Atomics.store(this.#numbers, slot * NUMBERS + STATE, ENDED + OUTCOMES.indexOf(outcome))
  }

  /** Undefined while the work has not ended. */
  outcomeOf(slot: number): Outcome | undefined {
    return OUTCOMES[Atomics.load(this.#numbers, slot * NUMBERS + STATE) - ENDED]
  }

  /** Tells the other thread how many were asked for so far. */
  tell(count: number): void {
    Atomics.store(this.#numbers, ASKED_SO_FAR, count)
    Atomics.notify(this.#numbers, ASKED_SO_FAR)
  }

  /** How many were asked for so far. */
  told(): number {
    return Atomics.load(this.#numbers, ASKED_SO_FAR)
  }

  /** Keeps its thread until the other one has told of more than what is known. */
  waitForMoreThan(known: number): void {
    Atomics.wait(this.#numbers, ASKED_SO_FAR, known)
  }
}
