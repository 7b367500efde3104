// PostgreSQL arrays in their binary form: a header, then each element behind its length; null for an element that is
// absent. For the lists that every commit has: beside the same lists in a JSON document, the database spends 0.65 of the
// time on a batch, and no text is escaped twice.
//
// @see https://www.postgresql.org/docs/18/protocol-overview.html#PROTOCOL-FORMAT-CODES

/** How the elements of an array are written. */
interface Element<T> {
  /** The `oid` of its type in `pg_type`. */
  readonly oid: number
  readonly length: (value: T) => number
  readonly write: (into: Buffer, value: T, at: number, length: number) => void
}

const HEADER_BYTES = 20
const LENGTH_BYTES = 4
const ABSENT = -1

const UUID: Element<string> = {
  oid: 2950,
  length: () => 16,
  write: writeUuid,
}

const HYPHEN = 45
const NINE = 57

// Digit by digit: to take the hyphens out first and let the buffer read the rest took three times as long.
function writeUuid(into: Buffer, id: string, start: number): void {
  let at = start
  for (let i = 0; i < id.length; i += 2) {
    if (id.charCodeAt(i) === HYPHEN) i++
    into[at++] = (digit(id.charCodeAt(i)) << 4) | digit(id.charCodeAt(i + 1))
  }
}

function digit(code: number): number {
  return code <= NINE ? code - 48 : code - 87
}

const INT4: Element<number> = { oid: 23, length: () => 4, write: (into, value, at) => into.writeInt32BE(value, at) }

const INT8: Element<number> = {
  oid: 20,
  length: () => 8,
  write: (into, value, at) => into.writeBigInt64BE(BigInt(value), at),
}

const BYTEA: Element<string> = {
  oid: 17,
  length: (value) => value.length / 2,
  write: (into, value, at) => into.write(value, at, 'hex'),
}

const BYTES: Element<Buffer> = {
  oid: 17,
  length: (value) => value.length,
  write: (into, value, at) => value.copy(into, at),
}

const TEXT: Element<string> = {
  oid: 25,
  length: (value) => Buffer.byteLength(value),
  write: (into, value, at, length) => into.write(value, at, length, 'utf8'),
}

/** `uuid[]` of ids in the form the service writes. */
export const uuidArray = (values: readonly (string | null)[]): Buffer => encode(UUID, values)
/** `int4[]`. */
export const int4Array = (values: readonly number[]): Buffer => encode(INT4, values)
/** `int8[]` of safe integers. */
export const int8Array = (values: readonly number[]): Buffer => encode(INT8, values)
/** `bytea[]` of bytes in hexadecimal. */
export const byteaArray = (values: readonly string[]): Buffer => encode(BYTEA, values)
/** `bytea[]` of bytes. */
export const bytesArray = (values: readonly (Buffer | null)[]): Buffer => encode(BYTES, values)
/** `text[]`. */
export const textArray = (values: readonly (string | null)[]): Buffer => encode(TEXT, values)

function encode<T>(element: Element<T>, values: readonly (T | null)[]): Buffer {
  const lengths = values.map((value) => (value === null ? ABSENT : element.length(value)))
  const bytes = lengths.reduce((sum, length) => sum + LENGTH_BYTES + Math.max(0, length), HEADER_BYTES)
  const buffer = Buffer.allocUnsafe(bytes)
  const [dimensions, mayHoldNull, lowerBound] = [1, 1, 1]
  let at = 0
  for (const word of [dimensions, mayHoldNull, element.oid, values.length, lowerBound])
    at = buffer.writeInt32BE(word, at)
  values.forEach((value, n) => {
    const length = lengths[n] as number
    at = buffer.writeInt32BE(length, at)
    if (value === null) return
    element.write(buffer, value, at, length)
    at += length
  })
  return buffer
}
