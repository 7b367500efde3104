/**
 * The functions that templates know.
 *
 * @see https://pkg.go.dev/text/template#hdr-Functions
 */
import { BuiltinError } from '../../builtins-api.js'
import { formatNumber, isNumber } from '../../number.js'
import { compareStrings, equal, isArray, isObject, objectGet, type Value } from '../../value.js'
import { type Operand, sprintf } from '../go/sprintf.js'
import { queryEscape } from '../go/url.js'
import { type Datum, GoNumber, isTrue, lengthOf, shown } from './values.js'

export type TemplateFunction = (args: readonly Datum[], meter: (added: number) => void) => Datum

function fail(name: string, message: string): never {
  throw new BuiltinError(`error calling ${name}: ${message}`)
}

/** The kinds that Go compares: an integer is not a float, and a JSON number is text. */
function basicKind(datum: Datum): 'string' | 'integer' | 'float' | 'boolean' | undefined {
  if (datum instanceof GoNumber) return datum.integer ? 'integer' : 'float'
  if (typeof datum === 'boolean') return 'boolean'
  return typeof datum === 'string' || isNumber(datum) ? 'string' : undefined
}

function text(datum: Datum): string {
  return isNumber(datum) ? formatNumber(datum) : String(datum)
}

function same(name: string, a: Datum, b: Datum): boolean {
  if (a === undefined || a === null || b === undefined || b === null) return (a ?? null) === (b ?? null)
  const kind = basicKind(a)
  if (kind !== basicKind(b)) fail(name, 'incompatible types for comparison')
  if (kind === undefined) return equal(a as Value, b as Value)
  if (a instanceof GoNumber && b instanceof GoNumber) return a.value === b.value
  return kind === 'boolean' ? a === b : text(a) === text(b)
}

function order(name: string, a: Datum, b: Datum): number {
  const kind = basicKind(a)
  if (kind === undefined || kind === 'boolean') fail(name, 'invalid type for comparison')
  if (kind !== basicKind(b)) fail(name, 'incompatible types for comparison')
  if (a instanceof GoNumber && b instanceof GoNumber) return a.value - b.value
  return compareStrings(text(a), text(b))
}

function two(name: string, compare: (a: Datum, b: Datum) => boolean): TemplateFunction {
  return (args) => {
    if (args.length !== 2) fail(name, `wrong number of args for ${name}: want 2 got ${args.length}`)
    return compare(args[0], args[1])
  }
}

function indexInto(name: string, of: Datum, key: Datum): Datum {
  if (isArray(of as Value)) {
    const list = of as readonly Value[]
    if (!(key instanceof GoNumber)) fail(name, `cannot index slice/array with type ${typeof key}`)
    if (key.value < 0 || key.value >= list.length) fail(name, `index out of range: ${key.value}`)
    return list[key.value]
  }
  if (of !== undefined && !(of instanceof GoNumber) && isObject(of)) {
    if (typeof key !== 'string') fail(name, 'value has type other than string')
    return objectGet(of, key)
  }
  return fail(name, of === undefined || of === null ? 'index of untyped nil' : 'cannot index item')
}

function slice(args: readonly Datum[]): Datum {
  const [of, ...bounds] = args
  const numbers = bounds.map((bound) =>
    bound instanceof GoNumber ? bound.value : fail('slice', 'cannot index slice/array'),
  )
  const length = lengthOf(of) ?? 0
  const [from = 0, to = length] = numbers
  if (from < 0 || to > length || from > to) fail('slice', `index out of range: ${Math.max(from, to)}`)
  if (typeof of === 'string') return Buffer.from(of).subarray(from, to).toString()
  if (isArray(of as Value)) return (of as readonly Value[]).slice(from, to)
  return fail('slice', "can't slice item")
}

function operand(datum: Datum): Operand {
  if (datum instanceof GoNumber) {
    return datum.integer ? { type: 'int64', value: BigInt(datum.value) } : { type: 'float64', value: datum.value }
  }
  return { type: 'string', value: shown(datum) }
}

/** Go puts a space between two operands of which neither is a string. */
function print(args: readonly Datum[]): string {
  return args
    .map((arg, i) => {
      const before = args[i - 1]
      const spaced = i > 0 && basicKind(arg) !== 'string' && basicKind(before) !== 'string'
      return (spaced ? ' ' : '') + shown(arg)
    })
    .join('')
}

const HTML: Readonly<Record<string, string>> = {
  '\0': '\ufffd',
  '"': '&#34;',
  "'": '&#39;',
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
}

function escapeJs(value: string): string {
  return Array.from(value, (c) => {
    if (c === '\\' || c === "'" || c === '"') return `\\${c}`
    if ('<>&='.includes(c) || c < ' ') return `\\u${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`
    return c
  }).join('')
}

export const FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  // `and` and `or` leave out what is not needed; the renderer sees to that.
  ['and', (args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1)],
  ['or', (args) => args.find(isTrue) ?? args.at(-1)],
  ['not', (args) => !isTrue(args[0])],
  [
    'eq',
    ([first, ...others]) => {
      if (others.length === 0) fail('eq', 'missing argument for comparison')
      return others.some((other) => same('eq', first, other))
    },
  ],
  ['ne', two('ne', (a, b) => !same('ne', a, b))],
  ['lt', two('lt', (a, b) => order('lt', a, b) < 0)],
  ['le', two('le', (a, b) => order('le', a, b) <= 0)],
  ['gt', two('gt', (a, b) => order('gt', a, b) > 0)],
  ['ge', two('ge', (a, b) => order('ge', a, b) >= 0)],
  [
    'len',
    ([of]) => {
      const length = lengthOf(of)
      return length === undefined ? fail('len', 'len of nil pointer') : new GoNumber(length)
    },
  ],
  ['index', ([of, ...keys]) => keys.reduce<Datum>((at, key) => indexInto('index', at, key), of)],
  ['slice', slice],
  ['print', print],
  ['println', (args) => `${args.map(shown).join(' ')}\n`],
  [
    'printf',
    ([format, ...args], meter) =>
      sprintf(typeof format === 'string' ? format : shown(format), args.map(operand), meter),
  ],
  ['html', (args) => print(args).replace(/[\0"'&<>]/g, (c) => HTML[c] as string)],
  ['js', (args) => escapeJs(print(args))],
  ['urlquery', (args) => queryEscape(print(args))],
  ['call', () => fail('call', 'call of nil')],
])
