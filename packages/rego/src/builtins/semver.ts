/**
 * `semver.compare` and `semver.is_valid`.
 *
 * @see https://semver.org/#spec-item-11
 */
import { type Builtin, BuiltinError, builtin, stringOperand, T } from '../builtins-api.js'
import { compareStrings } from '../value.js'
import { quote } from './go/quote.js'

interface Version {
  readonly core: readonly bigint[]
  readonly preRelease: readonly string[]
}

const IDENTIFIERS = '[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*'
const VERSION = new RegExp(
  `^v?(0|[1-9]\\d*)\\.(0|[1-9]\\d*)\\.(0|[1-9]\\d*)(?:-(${IDENTIFIERS}))?(?:\\+${IDENTIFIERS})?$`,
)
const MAX = (1n << 63n) - 1n

function parse(text: string): Version | undefined {
  const match = VERSION.exec(text)
  if (match === null) return undefined
  const core = match.slice(1, 4).map(BigInt)
  const preRelease = match[4]?.split('.') ?? []
  if (core.some((part) => part > MAX) || preRelease.some((part) => /^0\d+$/.test(part))) return undefined
  return { core, preRelease }
}

function compareVersions(a: Version, b: Version): number {
  for (let i = 0; i < 3; i++) {
    const order = sign((a.core[i] as bigint) - (b.core[i] as bigint))
    if (order !== 0) return order
  }
  if (a.preRelease.length === 0 || b.preRelease.length === 0) return sign(b.preRelease.length - a.preRelease.length)
  for (let i = 0; i < a.preRelease.length && i < b.preRelease.length; i++) {
    const order = compareIdentifiers(a.preRelease[i] as string, b.preRelease[i] as string)
    if (order !== 0) return order
  }
  return sign(a.preRelease.length - b.preRelease.length)
}

function compareIdentifiers(a: string, b: string): number {
  const aNumeric = /^\d+$/.test(a)
  const bNumeric = /^\d+$/.test(b)
  if (aNumeric !== bNumeric) return aNumeric ? -1 : 1
  return aNumeric ? sign(BigInt(a) - BigInt(b)) : sign(compareStrings(a, b))
}

function sign(value: bigint | number): number {
  return value > 0 ? 1 : value < 0 ? -1 : 0
}

function versionOperand(text: string, position: number): Version {
  const version = parse(text)
  if (version === undefined) throw new BuiltinError(`operand ${position}: string ${quote(text)} is not a valid SemVer`)
  return version
}

export const semver: readonly Builtin[] = [
  builtin('semver.compare', [T.string, T.string], T.number, (_, a, b) => {
    const left = stringOperand(a, 1)
    const right = stringOperand(b, 2)
    return compareVersions(versionOperand(left, 1), versionOperand(right, 2))
  }),
  builtin(
    'semver.is_valid',
    [T.any],
    T.boolean,
    (_, version) => typeof version === 'string' && parse(version) !== undefined,
  ),
]
