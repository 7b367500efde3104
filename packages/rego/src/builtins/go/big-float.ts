/**
 * Binary floating point with a mantissa of any width, rounded half to even: what OPA computes with when an operand has a
 * fraction. Go's `big.Float` takes 64 bits for a number read from text, so `0.1 + 0.2` is `0.3` and `1 / 3` has 19 digits.
 *
 * @see https://pkg.go.dev/math/big#Float
 */
import { BuiltinError } from '../../builtins-api.js'
import { normalize, parts, type RegoNumber } from '../../number.js'

/** `mantissa × 2 ** exponent`; the mantissa carries the sign. */
export interface BigFloat {
  readonly mantissa: bigint
  readonly exponent: number
}

export const DEFAULT_PRECISION = 64
/** OPA refuses numbers whose binary exponent is beyond 1e5; in decimal digits that is this many. */
const MAX_DECIMAL_MAGNITUDE = 30_103

/** Throws for numbers so large or small that computing with them would be unbounded work. */
export function boundedParts(value: RegoNumber): [coefficient: bigint, exponent: number] {
  const [coefficient, exponent] = parts(value)
  if (Math.abs(exponent) > MAX_DECIMAL_MAGNITUDE) throw new BuiltinError('number too big')
  return [coefficient, exponent]
}

export function fromNumber(value: RegoNumber, precision = DEFAULT_PRECISION): BigFloat {
  const [coefficient, exponent] = boundedParts(value)
  if (exponent >= 0) return round({ mantissa: coefficient * 10n ** BigInt(exponent), exponent: 0 }, precision)
  return divide({ mantissa: coefficient, exponent: 0 }, { mantissa: 10n ** BigInt(-exponent), exponent: 0 }, precision)
}

/** The number whose shortest decimal reads back as this float at this precision. */
export function toNumber(value: BigFloat, precision = DEFAULT_PRECISION): RegoNumber {
  if (value.mantissa === 0n) return 0
  const [coefficient, exponent] = shortestDecimal(value, precision)
  return normalize(coefficient, exponent)
}

export function add(a: BigFloat, b: BigFloat, precision = DEFAULT_PRECISION): BigFloat {
  const exponent = Math.min(a.exponent, b.exponent)
  const sum = (a.mantissa << BigInt(a.exponent - exponent)) + (b.mantissa << BigInt(b.exponent - exponent))
  return round({ mantissa: sum, exponent }, precision)
}

export function negate(value: BigFloat): BigFloat {
  return { mantissa: -value.mantissa, exponent: value.exponent }
}

export function multiply(a: BigFloat, b: BigFloat, precision = DEFAULT_PRECISION): BigFloat {
  return round({ mantissa: a.mantissa * b.mantissa, exponent: a.exponent + b.exponent }, precision)
}

/** The divisor must not be zero. */
export function divide(a: BigFloat, b: BigFloat, precision = DEFAULT_PRECISION): BigFloat {
  if (a.mantissa === 0n) return { mantissa: 0n, exponent: 0 }
  // Two bits more than asked for, and a sticky bit for the remainder, make rounding exact.
  const shift = Math.max(0, precision + 2 - bitLength(a.mantissa) + bitLength(b.mantissa))
  const dividend = a.mantissa << BigInt(shift)
  const quotient = dividend / b.mantissa
  const exact = quotient * b.mantissa === dividend
  const exponent = a.exponent - b.exponent - shift
  if (exact) return round({ mantissa: quotient, exponent }, precision)
  const negative = a.mantissa < 0n !== b.mantissa < 0n
  return round({ mantissa: quotient * 2n + (negative ? -1n : 1n), exponent: exponent - 1 }, precision)
}

/** The integer part, towards zero. */
export function truncate(value: BigFloat): bigint {
  if (value.exponent >= 0) return value.mantissa << BigInt(value.exponent)
  const magnitude = abs(value.mantissa) >> BigInt(-value.exponent)
  return value.mantissa < 0n ? -magnitude : magnitude
}

export function isIntegral(value: BigFloat): boolean {
  return value.exponent >= 0 || (abs(value.mantissa) & ((1n << BigInt(-value.exponent)) - 1n)) === 0n
}

export function fromInteger(value: bigint, precision: number): BigFloat {
  return round({ mantissa: value, exponent: 0 }, precision)
}

export function bitLength(value: bigint): number {
  const hex = abs(value).toString(16)
  return hex === '0' ? 0 : (hex.length - 1) * 4 + (32 - Math.clz32(Number.parseInt(hex[0] as string, 16)))
}

function round(value: BigFloat, precision: number): BigFloat {
  const negative = value.mantissa < 0n
  const magnitude = abs(value.mantissa)
  const excess = bitLength(magnitude) - precision
  if (excess <= 0) return value
  const dropped = BigInt(excess)
  const half = 1n << (dropped - 1n)
  const rest = magnitude & ((1n << dropped) - 1n)
  let kept = magnitude >> dropped
  if (rest > half || (rest === half && (kept & 1n) === 1n)) kept += 1n
  return { mantissa: negative ? -kept : kept, exponent: value.exponent + excess }
}

/**
 * The fewest decimal digits between the two neighbours' midpoints, as Go prints them: digit by digit from the exact decimal,
 * rounding down or up as soon as that stays inside.
 */
function shortestDecimal(value: BigFloat, precision: number): [coefficient: bigint, exponent: number] {
  const negative = value.mantissa < 0n
  const magnitude = abs(value.mantissa)
  // The mantissa with exactly precision + 1 bits, so that its last bit is half a unit in the last place.
  const shift = precision + 1 - bitLength(magnitude)
  const mantissa = magnitude << BigInt(Math.max(shift, 0))
  const exponent = value.exponent - Math.max(shift, 0)
  const inclusive = (mantissa & 2n) === 0n
  const exact = decimalDigits(mantissa, exponent)
  const lower = decimalDigits(mantissa - 1n, exponent)
  const upper = decimalDigits(mantissa + 1n, exponent)
  const digits = exact.digits
  for (let i = 0; i < digits.length; i++) {
    const m = digits[i] as string
    const l = lower.digits[i - (exact.point - lower.point)] ?? '0'
    const u = upper.digits[i - (exact.point - upper.point)] ?? '0'
    const down = l !== m || (inclusive && i + 1 === lower.digits.length)
    const up = m !== u && (inclusive || Number(m) + 1 < Number(u) || i + 1 < upper.digits.length)
    if (!down && !up) continue
    const head = BigInt(digits.slice(0, i + 1))
    const rest = digits.slice(i + 1)
    const roundsUp = up && (!down || rest > '5' || (rest === '5' && (head & 1n) === 1n))
    const coefficient = roundsUp ? head + 1n : head
    return [negative ? -coefficient : coefficient, exact.point - (i + 1)]
  }
  const all = BigInt(digits)
  return [negative ? -all : all, exact.point - digits.length]
}

/** Exact decimal digits without trailing zeros: `0.digits × 10 ** point`. */
function decimalDigits(mantissa: bigint, exponent: number): { digits: string; point: number } {
  const scaled = exponent >= 0 ? mantissa << BigInt(exponent) : mantissa * 5n ** BigInt(-exponent)
  const text = scaled.toString()
  return { digits: text.replace(/0+$/, ''), point: text.length + (exponent >= 0 ? 0 : exponent) }
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value
}
