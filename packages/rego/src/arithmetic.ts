/**
 * Arithmetic as OPA does it: integers are exact at any size; everything else goes through a binary float with a 64 bit mantissa
 * (so `0.1 + 0.2` is `0.3`), whose shortest decimal is the result.
 */
import { Decimal, fromBigInt, normalize, parts, powerOfTen, type RegoNumber, toBigInt } from './number.js'

/** `mantissa × 2 ** exponent`, the mantissa at most 64 bits. */
interface Float {
  readonly mantissa: bigint
  readonly exponent: number
}

const PRECISION = 64
const INT32 = 2 ** 31

export function add(a: RegoNumber, b: RegoNumber): RegoNumber {
  if (typeof a === 'number' && typeof b === 'number' && Number.isSafeInteger(a) && Number.isSafeInteger(b)) {
    const sum = a + b
    if (Number.isSafeInteger(sum)) return sum
  }
  const [x, y] = [toBigInt(a), toBigInt(b)]
  if (x !== undefined && y !== undefined) return fromBigInt(x + y)
  return fromFloat(sum(toFloat(a), toFloat(b)))
}

export function subtract(a: RegoNumber, b: RegoNumber): RegoNumber {
  return add(a, negate(b))
}

export function multiply(a: RegoNumber, b: RegoNumber): RegoNumber {
  if (typeof a === 'number' && typeof b === 'number' && Number.isSafeInteger(a) && Number.isSafeInteger(b)) {
    const product = a * b
    if (Number.isSafeInteger(product)) return product + 0
  }
  const [x, y] = [toBigInt(a), toBigInt(b)]
  if (x !== undefined && y !== undefined) return fromBigInt(bounded(x * y))
  const [f, g] = [toFloat(a), toFloat(b)]
  return fromFloat(round(f.mantissa * g.mantissa, f.exponent + g.exponent))
}

/** How long an integer may grow, in bits: some twenty thousand digits. Each square doubles it, and the time it takes. */
const MOST_BITS = 65_536

function bounded(product: bigint): bigint {
  if (BigInt.asIntN(MOST_BITS, product) !== product) throw new RangeError('the product has too many digits')
  return product
}

/** The quotient; undefined when the divisor is zero. Exact for integers when the divisor divides the dividend. */
export function divide(a: RegoNumber, b: RegoNumber): RegoNumber | undefined {
  if (b === 0) return undefined
  if (typeof a === 'number' && typeof b === 'number' && Number.isSafeInteger(a) && Number.isSafeInteger(b)) {
    if (a % b === 0) return a / b + 0
  }
  const [f, g] = [toFloat(a), toFloat(b)]
  if (f.mantissa === 0n) return 0
  const shift = PRECISION + 2 + Math.max(0, bits(g.mantissa) - bits(f.mantissa))
  const dividend = f.mantissa << BigInt(shift)
  const quotient = dividend / g.mantissa
  // A sticky bit below keeps a remainder from looking like an exact half.
  const sticky = dividend % g.mantissa === 0n ? 0n : 1n
  const wide = quotient * 2n + (quotient < 0n ? -sticky : sticky)
  return fromFloat(round(wide, f.exponent - g.exponent - shift - 1))
}

/** The remainder with the dividend's sign. */
export function remainder(a: RegoNumber, b: RegoNumber): RegoNumber | 'zero' | 'fraction' {
  if (typeof a === 'number' && typeof b === 'number' && Number.isSafeInteger(a) && Number.isSafeInteger(b) && b !== 0) {
    return (a % b) + 0
  }
  const [x, y] = [toBigInt(a), toBigInt(b)]
  if (x === undefined || y === undefined) return 'fraction'
  return y === 0n ? 'zero' : fromBigInt(x % y)
}

export function negate(a: RegoNumber): RegoNumber {
  if (typeof a === 'number') return 0 - a
  if (typeof a === 'bigint') return fromBigInt(-a)
  return new Decimal(-a.coefficient, a.exponent, a.approximate)
}

export function absolute(a: RegoNumber): RegoNumber {
  if (typeof a === 'number') return Math.abs(a)
  const float = toFloat(a)
  return fromFloat({ mantissa: float.mantissa < 0n ? -float.mantissa : float.mantissa, exponent: float.exponent })
}

/** The nearest integer, halves away from zero. */
export function roundHalfAway(a: RegoNumber): RegoNumber {
  if (isSmall(a)) return a
  const float = toFloat(a)
  const half: Float = { mantissa: float.mantissa < 0n ? -1n : 1n, exponent: -1 }
  return integer(truncate(sum(float, half)))
}

export function ceil(a: RegoNumber): RegoNumber {
  if (isSmall(a)) return a
  const float = toFloat(a)
  const whole = truncate(float)
  return integer(isWhole(float) || float.mantissa < 0n ? whole : whole + 1n)
}

export function floor(a: RegoNumber): RegoNumber {
  if (isSmall(a)) return a
  const float = toFloat(a)
  const whole = truncate(float)
  return integer(isWhole(float) || float.mantissa > 0n ? whole : whole - 1n)
}

function isSmall(a: RegoNumber): boolean {
  return typeof a === 'number' && Number.isInteger(a) && a < INT32 && a >= -INT32
}

function integer(value: bigint): RegoNumber {
  return fromFloat(round(value, 0))
}

function truncate({ mantissa, exponent }: Float): bigint {
  if (exponent >= 0) return mantissa << BigInt(exponent)
  return mantissa / (1n << BigInt(-exponent))
}

function isWhole({ mantissa, exponent }: Float): boolean {
  return exponent >= 0 || mantissa % (1n << BigInt(-exponent)) === 0n
}

function toFloat(value: RegoNumber): Float {
  const [coefficient, exponent] = parts(value)
  if (exponent >= 0) return round(coefficient * powerOfTen(exponent), 0)
  const divisor = powerOfTen(-exponent)
  const shift = PRECISION + 2 + Math.max(0, bits(divisor) - bits(coefficient))
  const dividend = coefficient << BigInt(shift)
  const quotient = dividend / divisor
  const sticky = dividend % divisor === 0n ? 0n : coefficient < 0n ? -1n : 1n
  return round(quotient * 2n + sticky, -shift - 1)
}

function sum(a: Float, b: Float): Float {
  const exponent = Math.min(a.exponent, b.exponent)
  const x = a.mantissa << BigInt(a.exponent - exponent)
  const y = b.mantissa << BigInt(b.exponent - exponent)
  return round(x + y, exponent)
}

/** Rounds to 64 bits, to the nearest, ties to even. */
function round(mantissa: bigint, exponent: number): Float {
  const excess = bits(mantissa) - PRECISION
  if (excess <= 0) return { mantissa, exponent }
  const negative = mantissa < 0n
  const magnitude = negative ? -mantissa : mantissa
  const shift = BigInt(excess)
  let kept = magnitude >> shift
  const rest = magnitude - (kept << shift)
  const half = 1n << (shift - 1n)
  if (rest > half || (rest === half && (kept & 1n) === 1n)) kept += 1n
  return { mantissa: negative ? -kept : kept, exponent: exponent + excess }
}

/** The shortest decimal that reads back as this float; an integer in full, as OPA prints it. */
function fromFloat(float: Float): RegoNumber {
  if (float.mantissa === 0n) return 0
  if (isWhole(float)) {
    const whole = truncate(float)
    // Beyond 64 bits the digits that the float determines, then zeros.
    if (bits(whole) <= PRECISION) return fromBigInt(whole)
  }
  const negative = float.mantissa < 0n
  // Normalized to exactly 64 bits, so that the neighbours are one unit away.
  const pad = PRECISION - bits(float.mantissa)
  const mantissa = (negative ? -float.mantissa : float.mantissa) << BigInt(pad)
  const exponent = float.exponent - pad
  // Everything in quarters of a unit over a common denominator: value = v / d.
  const scale = (n: bigint) => (exponent >= 0 ? n << BigInt(exponent) : n)
  const value = scale(mantissa * 4n)
  const lowest = scale(mantissa * 4n - (mantissa === 1n << 63n ? 1n : 2n))
  const highest = scale(mantissa * 4n + 2n)
  const denominator = exponent >= 0 ? 4n : 4n << BigInt(-exponent)
  const inclusive = (mantissa & 1n) === 0n
  const magnitude = Math.floor((bits(value) - bits(denominator)) * Math.LOG10E * Math.LN2)
  // From few digits to many; the first that lies between the neighbours' midpoints is the shortest.
  for (let power = magnitude + 1; ; power--) {
    const up = power < 0 ? 10n ** BigInt(-power) : 1n
    const down = power > 0 ? 10n ** BigInt(power) : 1n
    const unit = denominator * down
    const low = (value * up) / unit
    const lowOk = low > 0n && inside(low, unit, up)
    const highOk = inside(low + 1n, unit, up)
    if (!lowOk && !highOk) continue
    const twice = (value * up - low * unit) * 2n
    const nearestUp = twice > unit || (twice === unit && (low & 1n) === 1n)
    const digits = lowOk && highOk ? (nearestUp ? low + 1n : low) : lowOk ? low : low + 1n
    const result = normalize(negative ? -digits : digits, power)
    return result instanceof Decimal ? new Decimal(result.coefficient, result.exponent, true) : result
  }

  /** Whether `digits × 10 ** power` reads back as the float. */
  function inside(digits: bigint, unit: bigint, up: bigint): boolean {
    const candidate = digits * unit
    const [low, high] = [lowest * up, highest * up]
    return inclusive ? candidate >= low && candidate <= high : candidate > low && candidate < high
  }
}

function bits(value: bigint): number {
  if (value === 0n) return 0
  const text = (value < 0n ? -value : value).toString(16)
  return (text.length - 1) * 4 + (32 - Math.clz32(Number.parseInt(text[0] ?? '0', 16)))
}
