/**
 * Rego numbers. A Rego number is an exact decimal; OPA keeps its text. Here it takes the cheapest form that holds it:
 *
 * - `number`: its value is the decimal that JavaScript prints for it, so `0.1` is exactly one tenth. Every safe integer and
 *   every decimal that survives a round trip through a double is in this form.
 * - `bigint`: integers beyond `Number.MAX_SAFE_INTEGER`.
 * - {@link Decimal}: everything else (`0.12345678901234567890123`, `1e1000`), as coefficient and power of ten.
 *
 * `parseNumber` and `normalize` give the canonical form. JSON input may hold a double such as `1e300` that is an unsafe
 * integer; functions here accept it and treat it as the integer that it prints as.
 */
export type RegoNumber = number | bigint | Decimal

/** A decimal that no double holds: `coefficient × 10 ** exponent`, the coefficient without trailing zeros. */
export class Decimal {
  constructor(
    readonly coefficient: bigint,
    readonly exponent: number,
    /** The result of float arithmetic: its digits past a double's are no promise, so it may leave the engine as a double. */
    readonly approximate = false,
  ) {}

  /** The decimal in OPA's printing. */
  toString(): string {
    return decimalText(this.coefficient, this.exponent)
  }

  /** JSON has no exact form that `JSON.parse` keeps, so a decimal beyond a double is written as its text. */
  toJSON(): string {
    return this.toString()
  }
}

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER)
const NUMBER_TEXT = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/
/** Beyond this many digits an integer literal stays coefficient and exponent: `1e1000000` must not cost a megabyte. */
const MAX_INTEGER_DIGITS = 1_000

export function isNumber(value: unknown): value is RegoNumber {
  return typeof value === 'number' || typeof value === 'bigint' || value instanceof Decimal
}

/** Reads JSON or Rego number text; undefined when the text is no number. */
export function parseNumber(text: string): RegoNumber | undefined {
  if (text.length < 16 && /^-?\d+$/.test(text)) return Number(text) + 0
  const match = NUMBER_TEXT.exec(text)
  if (!match) return undefined
  const fraction = match[3] ?? ''
  const coefficient = BigInt(`${match[1]}${match[2]}${fraction}`)
  const exponent = Number(match[4] ?? '0') - fraction.length
  return normalize(coefficient, exponent)
}

/** The canonical form of `coefficient × 10 ** exponent`. */
export function normalize(coefficient: bigint, exponent: number): RegoNumber {
  if (coefficient === 0n) return 0
  let c = coefficient
  let e = exponent
  if (e < 0) {
    while (e < -16 && c % 10_000_000_000_000_000n === 0n) {
      c /= 10_000_000_000_000_000n
      e += 16
    }
    while (e < 0 && c % 10n === 0n) {
      c /= 10n
      e += 1
    }
  }
  if (e >= 0) {
    if (e <= MAX_INTEGER_DIGITS) return fromBigInt(c * powerOfTen(e))
    while (c % 10n === 0n) {
      c /= 10n
      e += 1
    }
    return new Decimal(c, e)
  }
  const text = decimalText(c, e)
  const double = Number(text)
  if (Number.isFinite(double) && double !== 0 && !Number.isInteger(double)) {
    const [bc, be] = parts(double)
    if (bc === c && be === e) return double
  }
  return new Decimal(c, e)
}

/** An integer in canonical form: a `number` when it is safe. */
export function fromBigInt(value: bigint): RegoNumber {
  return value <= MAX_SAFE && value >= -MAX_SAFE ? Number(value) : value
}

/** Coefficient and power of ten of any number, the coefficient without trailing zeros when the exponent is negative. */
export function parts(value: RegoNumber): [coefficient: bigint, exponent: number] {
  if (typeof value === 'bigint') return [value, 0]
  if (typeof value !== 'number') return [value.coefficient, value.exponent]
  if (Number.isSafeInteger(value)) return [BigInt(value), 0]
  const match = NUMBER_TEXT.exec(String(value))
  if (!match) throw new RangeError('not a finite number')
  const fraction = match[3] ?? ''
  return [BigInt(`${match[1]}${match[2]}${fraction}`), Number(match[4] ?? '0') - fraction.length]
}

/** 10 to a power that is not negative, of as many digits as numbers may have here. @throws RangeError */
export function powerOfTen(exponent: number): bigint {
  if (exponent > MOST_DIGITS) throw new RangeError('the number has too many digits')
  return 10n ** BigInt(exponent)
}

const MOST_DIGITS = 20_000

/** The integer that a number is, as bigint; undefined when it has a fraction. */
export function toBigInt(value: RegoNumber): bigint | undefined {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  const [c, e] = parts(value)
  return e < 0 ? undefined : c * powerOfTen(e)
}

/** True for numbers without a fraction, whatever their size. */
export function isInteger(value: RegoNumber): boolean {
  if (typeof value === 'number') return Number.isInteger(value)
  return typeof value === 'bigint' || value.exponent >= 0
}

/** The integer that a number is when it is small enough to index or count with; undefined otherwise. */
export function toSafeInteger(value: RegoNumber): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined
}

/** The nearest double. */
export function toDouble(value: RegoNumber): number {
  if (typeof value === 'number') return value
  return typeof value === 'bigint' ? Number(value) : Number(value.toString())
}

export function compareNumbers(a: RegoNumber, b: RegoNumber): number {
  if (typeof a === 'number' && typeof b === 'number') return a < b ? -1 : a > b ? 1 : 0
  if (typeof a === 'bigint' && typeof b === 'bigint') return a < b ? -1 : a > b ? 1 : 0
  const [ac, ae] = parts(a)
  const [bc, be] = parts(b)
  const as = sign(ac)
  const bs = sign(bc)
  if (as !== bs) return as < bs ? -1 : 1
  if (as === 0) return 0
  // Magnitudes first, so that 1e1000000 is never written out.
  const am = digits(ac) + ae
  const bm = digits(bc) + be
  if (am !== bm) return am < bm ? -as : as
  const x = ae > be ? ac * powerOfTen(ae - be) : ac
  const y = be > ae ? bc * powerOfTen(be - ae) : bc
  return x < y ? -1 : x > y ? 1 : 0
}

/** A number as OPA prints it: integers in full, decimals plain, with an exponent below 1e-6 and from 1e21 on. */
export function formatNumber(value: RegoNumber): string {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'number') return value.toString()
  if (Number.isInteger(value)) {
    if (Number.isSafeInteger(value)) return value === 0 ? '0' : String(value)
    return (toBigInt(value) ?? 0n).toString()
  }
  const [c, e] = parts(value)
  return decimalText(c, e)
}

/** A key that two numbers share exactly when they are equal, usable in a `Map` beside strings. */
export function numberKey(value: RegoNumber): number | bigint | string {
  if (typeof value === 'number') {
    if (!Number.isInteger(value) || Number.isSafeInteger(value)) return value
    return toBigInt(value) ?? value
  }
  if (typeof value === 'bigint') return value <= MAX_SAFE && value >= -MAX_SAFE ? Number(value) : value
  return `\u0000n${value.coefficient}e${value.exponent}`
}

function decimalText(coefficient: bigint, exponent: number): string {
  const negative = coefficient < 0n
  const all = (negative ? -coefficient : coefficient).toString()
  const point = all.length + exponent
  const minus = negative ? '-' : ''
  if (point > 21 || point < -5) {
    const power = point - 1
    const mantissa = all.length > 1 ? `${all[0]}.${all.slice(1)}` : all
    return `${minus}${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
  }
  if (exponent >= 0) return minus + all + '0'.repeat(exponent)
  if (point <= 0) return `${minus}0.${'0'.repeat(-point)}${all}`
  return `${minus}${all.slice(0, point)}.${all.slice(point)}`
}

function sign(value: bigint): 1 | 0 | -1 {
  return value > 0n ? 1 : value < 0n ? -1 : 0
}

function digits(value: bigint): number {
  return (value < 0n ? -value : value).toString().length
}
