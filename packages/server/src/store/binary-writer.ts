const FIRST_BYTES = 64 * 1024
/** A buffer that has become larger is given back. */
const MOST_KEPT_BYTES = 1024 * 1024
const HEADER_BYTES = 20
const LENGTH_BYTES = 4
const ABSENT = -1

/** How a value is written in PostgreSQL's binary form. */
export interface BinaryType<T> {
  /** Its `oid` in `pg_type`. */
  readonly oid: number
  /** How many bytes a value takes at most. */
  readonly most: (value: T) => number
  /** Writes a value, and returns how many bytes it took. */
  readonly write: (into: Buffer, value: T, at: number) => number
}

/**
 * Puts together what is sent to the database, in one buffer that grows as it must and is used again.
 *
 * @see https://www.postgresql.org/docs/18/protocol-overview.html#PROTOCOL-FORMAT-CODES
 */
export class BinaryWriter {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #length = 0

  /** How much is written. */
  get length(): number {
    return this.#length
  }

  /** What is written; it stands until {@link clear}. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Begins anew, where what was written before stands. */
  clear(): void {
    this.#length = 0
    if (this.#bytes.length > MOST_KEPT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  int16(value: number): void {
    this.#reserve(2)
    this.#length = this.#bytes.writeInt16BE(value, this.#length)
  }

  int32(value: number): void {
    this.#reserve(4)
    this.#length = this.#bytes.writeInt32BE(value, this.#length)
  }

  /** A text that ends in a NUL. */
  zeroEnded(text: string): void {
    this.#reserve(text.length * 3 + 1)
    this.#length += this.#bytes.write(text, this.#length)
    this.#bytes[this.#length++] = 0
  }

  /** Writes over what stands at a place. */
  int32At(at: number, value: number): void {
    this.#bytes.writeInt32BE(value, at)
  }

  /** A value behind its length; null has the length -1. */
  value<T>(type: BinaryType<T>, value: T | null): void {
    if (value === null) {
      this.int32(ABSENT)
      return
    }
    this.#reserve(LENGTH_BYTES + type.most(value))
    const at = this.#length + LENGTH_BYTES
    const length = type.write(this.#bytes, value, at)
    this.#bytes.writeInt32BE(length, this.#length)
    this.#length = at + length
  }

  /** An array behind its length: of each element a value, null where there is none. */
  array<T, Item>(type: BinaryType<T>, items: readonly Item[], read: (item: Item) => T | null): void {
    const start = this.#length
    const [dimensions, mayHoldNull, lowerBound] = [1, 1, 1]
    this.#reserve(LENGTH_BYTES + HEADER_BYTES)
    this.int32(0)
    for (const word of [dimensions, mayHoldNull, type.oid, items.length, lowerBound]) this.int32(word)
    for (const item of items) this.value(type, read(item))
    this.int32At(start, this.#length - start - LENGTH_BYTES)
  }

  #reserve(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}
