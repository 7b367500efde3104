/** `units.parse` and `units.parse_bytes`. */
import { multiply } from '../arithmetic.js'
import { type Builtin, BuiltinError, builtin, stringOperand, T } from '../builtins-api.js'
import { normalize, type RegoNumber } from '../number.js'
import { lower } from './go/letter-case.js'
import { integer, truncated } from './operands.js'

const UNITS: ReadonlyMap<string, bigint> = new Map(
  ['k', 'm', 'g', 't', 'p', 'e'].flatMap((letter, i): [string, bigint][] => [
    [letter, 1000n ** BigInt(i + 1)],
    [`${letter}i`, 1024n ** BigInt(i + 1)],
  ]),
)

/** Coefficient and power of ten; undefined for text that is no decimal. */
type Decimal = readonly [coefficient: bigint, exponent: number]

function decimal(text: string): Decimal | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text)
  if (match === null || `${match[2]}${match[3] ?? ''}` === '') return undefined
  const fraction = match[3] ?? ''
  return [BigInt(`${match[1] === '-' ? '-' : ''}${match[2]}${fraction}`), Number(match[4] ?? '0') - fraction.length]
}

/** Where the number ends and the unit begins: an `e` belongs to the number when a digit or sign follows it. */
function splitUnit(name: string, text: string): readonly [number: string, unit: string] {
  for (let i = 0; i < text.length; i++) {
    const character = text[i] as string
    if (!/[0-9.eE+-]/.test(character)) return [text.slice(0, i), text.slice(i)]
    if (character !== 'e' && character !== 'E') continue
    if (!/[0-9+-]/.test(text[i + 1] ?? '')) return [text.slice(0, i), text.slice(i)]
    if (/[+-]/.test(text[i + 1] as string)) i += 1
    const digits = /^\d*/.exec(text.slice(i + 1))?.[0] ?? ''
    if (digits.length > 6 || Number(digits) > MAX_EXPONENT) throw failure(name, 'exponent too large')
  }
  return [text, '']
}

/** OPA takes exponents of six digits, which is a number of a megabyte; this is as far as its numbers reach anyway. */
const MAX_EXPONENT = 30_000

function failure(name: string, message: string): BuiltinError {
  return new BuiltinError(`${name}: ${message}`)
}

function parseUnits(text: string): RegoNumber {
  const name = 'units.parse'
  const bare = text.replaceAll('"', '')
  if (bare.includes(' ')) throw failure(name, 'spaces not allowed in resource strings')
  const [amount, written] = splitUnit(name, bare)
  if (amount === '') throw failure(name, 'no amount provided')
  // Only after its first letter is a unit in either case: m is a thousandth, M a million.
  const unit = written.slice(0, 1) + lower(written.slice(1))
  const [factor, power] = factorOf(unit) ?? [undefined, 0]
  if (factor === undefined) throw failure(name, `unit ${unit} not recognized`)
  const parsed = decimal(amount)
  if (parsed === undefined) throw failure(name, 'could not parse amount to a number')
  return tenDecimals(parsed[0] * factor, parsed[1] + power)
}

function factorOf(unit: string): Decimal | undefined {
  if (unit === '') return [1n, 0]
  if (unit === 'm') return [1n, -3]
  const factor = UNITS.get(unit.toLowerCase())
  return factor === undefined ? undefined : [factor, 0]
}

/** OPA writes fractions with ten decimals, halves away from zero. */
function tenDecimals(coefficient: bigint, exponent: number): RegoNumber {
  if (exponent >= -10) return normalize(coefficient, exponent)
  const divisor = 10n ** BigInt(-10 - exponent)
  const magnitude = coefficient < 0n ? -coefficient : coefficient
  const rounded = (magnitude * 2n + divisor) / (divisor * 2n)
  return normalize(coefficient < 0n ? -rounded : rounded, -10)
}

function parseBytes(text: string): RegoNumber {
  const name = 'units.parse_bytes'
  const bare = lower(text).replaceAll('"', '')
  if (bare.includes(' ')) throw failure(name, 'spaces not allowed in resource strings')
  const [amount, unit] = splitUnit(name, bare)
  if (amount === '') throw failure(name, 'no byte amount provided')
  const factor = unit === '' ? 1n : UNITS.get(unit.replace(/b$/, ''))
  if (factor === undefined) throw failure(name, `byte unit ${unit} not recognized`)
  const parsed = decimal(amount)
  if (parsed === undefined) throw failure(name, 'could not parse byte amount to a number')
  return integer(truncated(multiply(normalize(...parsed), integer(factor))))
}

export const units: readonly Builtin[] = [
  builtin('units.parse', [T.string], T.number, (_, text) => parseUnits(stringOperand(text, 1))),
  builtin('units.parse_bytes', [T.string], T.number, (_, text) => parseBytes(stringOperand(text, 1))),
]
