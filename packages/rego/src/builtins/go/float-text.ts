/**
 * Doubles as text in Go's formats.
 *
 * @see https://pkg.go.dev/strconv#FormatFloat
 */

interface Digits {
  /** Decimal digits without trailing zeros; the value is `0.digits × 10 ** point`. */
  readonly digits: string
  readonly point: number
}

export type FloatFormat = 'b' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'x' | 'X'

/** @param precision digits after the point (for `g` in all), or -1 for as many as identify the double */
export function formatFloat(value: number, format: FloatFormat, precision: number): string {
  const negative = value < 0 || Object.is(value, -0)
  return (negative ? '-' : '') + formatMagnitude(Math.abs(value), format, precision)
}

function formatMagnitude(value: number, format: FloatFormat, precision: number): string {
  switch (format) {
    case 'b':
      return binaryExponent(value)
    case 'x':
      return hexadecimal(value, precision)
    case 'X':
      return hexadecimal(value, precision).toUpperCase()
    case 'E':
      return formatMagnitude(value, 'e', precision).toUpperCase()
    case 'G':
      return formatMagnitude(value, 'g', precision).toUpperCase()
    case 'e': {
      const digits = precision < 0 ? shortest(value) : rounded(value, () => precision + 1)
      return exponential(digits, precision < 0 ? Math.max(digits.digits.length - 1, 0) : precision)
    }
    case 'f':
    case 'F': {
      const digits = precision < 0 ? shortest(value) : rounded(value, (exact) => exact.point + precision)
      return plain(digits, precision < 0 ? Math.max(digits.digits.length - digits.point, 0) : precision)
    }
    case 'g': {
      const wanted = precision === 0 ? 1 : precision
      const digits = wanted < 0 ? shortest(value) : rounded(value, () => wanted)
      const length = digits.digits.length
      const threshold = wanted < 0 ? 6 : wanted > length && length >= digits.point ? length : wanted
      const exponent = length === 0 ? 0 : digits.point - 1
      if (exponent < -4 || exponent >= threshold) return exponential(digits, Math.max(length - 1, 0))
      return plain(digits, Math.max(length - digits.point, 0))
    }
  }
}

function exponential({ digits, point }: Digits, places: number): string {
  const exponent = digits === '' ? 0 : point - 1
  const padded = digits.padEnd(places + 1, '0')
  const mantissa = places > 0 ? `${padded[0]}.${padded.slice(1, places + 1)}` : (padded[0] as string)
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}

function plain({ digits, point }: Digits, places: number): string {
  const whole = digits === '' || point <= 0 ? '0' : digits.slice(0, point).padEnd(point, '0')
  if (places <= 0) return whole
  const fraction =
    digits === '' ? '' : '0'.repeat(Math.min(Math.max(-point, 0), places)) + digits.slice(Math.max(point, 0))
  return `${whole}.${fraction.slice(0, places).padEnd(places, '0')}`
}

/** The digits JavaScript prints: the fewest that identify the double, as Go's. */
function shortest(value: number): Digits {
  if (value === 0) return { digits: '', point: 0 }
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string]
  const digits = mantissa.replace('.', '').replace(/0+$/, '')
  return { digits, point: Number(exponent) + 1 }
}

/** The exact decimal, rounded half to even to `count` digits. */
function rounded(value: number, count: (exact: Digits) => number): Digits {
  const exact = exactDigits(value)
  const keep = count(exact)
  if (keep >= exact.digits.length) return exact
  if (keep < 0) return { digits: '', point: 0 }
  const rest = exact.digits.slice(keep)
  const head = BigInt(exact.digits.slice(0, keep) || '0')
  const up = rest > '5' || (rest === '5' && (head & 1n) === 1n)
  const digits = (up ? head + 1n : head).toString().padStart(keep, '0')
  const carried = digits.length - keep
  const trimmed = digits.replace(/0+$/, '')
  return trimmed === '' ? { digits: '', point: 0 } : { digits: trimmed, point: exact.point + carried }
}

function exactDigits(value: number): Digits {
  if (value === 0) return { digits: '', point: 0 }
  const [mantissa, exponent] = splitDouble(value)
  const scaled = exponent >= 0 ? mantissa << BigInt(exponent) : mantissa * 5n ** BigInt(-exponent)
  const text = scaled.toString()
  return { digits: text.replace(/0+$/, ''), point: text.length + Math.min(exponent, 0) }
}

/** Mantissa and binary exponent as the bits hold them. */
export function splitDouble(value: number): [mantissa: bigint, exponent: number] {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  const bits = view.getBigUint64(0)
  const biased = Number((bits >> 52n) & 0x7ffn)
  const fraction = bits & 0xfffffffffffffn
  return biased === 0 ? [fraction, -1074] : [fraction | 0x10000000000000n, biased - 1075]
}

function binaryExponent(value: number): string {
  const [mantissa, exponent] = splitDouble(value)
  return `${mantissa}p${exponent < 0 ? '-' : '+'}${Math.abs(exponent)}`
}

function hexadecimal(value: number, precision: number): string {
  if (value === 0) return `0x0${precision > 0 ? `.${'0'.repeat(precision)}` : ''}p+00`
  let [mantissa, exponent] = splitDouble(value)
  // One bit before the point, 60 after it: fifteen hexadecimal digits.
  while (mantissa >> 60n === 0n) {
    mantissa <<= 1n
    exponent -= 1
  }
  if (precision >= 0 && precision < 15) {
    const dropped = BigInt((15 - precision) * 4)
    const half = 1n << (dropped - 1n)
    const rest = mantissa & ((1n << dropped) - 1n)
    mantissa = (mantissa >> dropped) << dropped
    if (rest > half || (rest === half && ((mantissa >> dropped) & 1n) === 1n)) mantissa += 1n << dropped
    if (mantissa >> 61n) {
      mantissa >>= 1n
      exponent += 1
    }
  }
  exponent += 60
  const digits = (mantissa & ((1n << 60n) - 1n)).toString(16).padStart(15, '0')
  const fraction = precision < 0 ? digits.replace(/0+$/, '') : digits.slice(0, precision).padEnd(precision, '0')
  const power = `${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
  return `0x1${fraction === '' ? '' : `.${fraction}`}p${power}`
}
