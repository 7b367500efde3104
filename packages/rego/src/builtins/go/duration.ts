/**
 * Durations such as `1h15m30.918s`, and OPA's days, weeks and years.
 *
 * @see https://pkg.go.dev/time#ParseDuration
 */
import { BuiltinError } from '../../builtins-api.js'
import { quoteBytes as quote } from './quote.js'

const UNITS: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1_000n],
  ['µs', 1_000n],
  ['μs', 1_000n],
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
])
const LONG_UNITS: ReadonlyMap<string, number> = new Map([
  ['d', 24],
  ['w', 7 * 24],
  ['y', 365 * 24],
])
const MAX = 1n << 63n

function invalid(text: string): BuiltinError {
  return new BuiltinError(`time: invalid duration ${quote(text)}`)
}

/** Nanoseconds. */
export function parseDuration(text: string): bigint {
  if (!/[dwy]/.test(text)) return parseGo(text, text)
  const match = /^([-+]?)((?:[0-9.]+(?:ms|us|µs|ns|[a-z]))+)$/.exec(text)
  if (match === null) throw invalid(text)
  const rewritten = (match[2] as string).replace(
    /([0-9.]+)(ms|us|µs|ns|[a-z])/g,
    (segment, digits: string, unit: string) => {
      const hours = LONG_UNITS.get(unit)
      if (hours === undefined) return segment
      if (!/^(?:\d+\.?\d*|\.\d+)$/.test(digits)) throw invalid(text)
      return `${plain(Number(digits) * hours)}h`
    },
  )
  return parseGo(`${match[1]}${rewritten}`, text)
}

/** A double in full, without an exponent. */
function plain(value: number): string {
  if (Number.isInteger(value)) return BigInt(value).toString()
  return value < 1e-6 ? value.toFixed(100).replace(/0+$/, '') : String(value)
}

function parseGo(text: string, original: string): bigint {
  const sign = text.startsWith('-') ? -1n : 1n
  let rest = text.replace(/^[-+]/, '')
  if (rest === '0') return 0n
  if (rest === '') throw invalid(original)
  let total = 0n
  while (rest !== '') {
    const [number = '', whole = '', fraction = ''] = /^(\d*)(?:\.(\d*))?/.exec(rest) ?? []
    if (`${whole}${fraction}` === '') throw invalid(original)
    rest = rest.slice(number.length)
    const unit = /^[^.0-9]*/.exec(rest)?.[0] ?? ''
    if (unit === '') throw new BuiltinError(`time: missing unit in duration ${quote(original)}`)
    const scale = UNITS.get(unit)
    if (scale === undefined) throw new BuiltinError(`time: unknown unit ${quote(unit)} in duration ${quote(original)}`)
    rest = rest.slice(unit.length)
    total += BigInt(whole || '0') * scale
    if (fraction !== '') total += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length)
    if (total > MAX) throw invalid(original)
  }
  if (sign > 0n && total >= MAX) throw invalid(original)
  return sign * total
}
