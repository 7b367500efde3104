/** Strings: searching, cutting, changing case, joining. Positions and lengths count code points. */
import {
  type Builtin,
  BuiltinError,
  builtin,
  numberOperand,
  OperandError,
  objectOperand,
  stringOperand,
  T,
} from '../builtins-api.js'
import { isArray, isSet, objectEntries, type Value } from '../value.js'
import { lower, upper } from './go/letter-case.js'
import { replaceAll } from './go/replacer.js'
import { chargeText, given, intOperand, stringElements, textMeter, truncated, typeError } from './operands.js'

const strings1 = T.union(T.string, T.array(T.string), T.set(T.string))
/** Go's white space, which is not JavaScript's. */
const SPACE = '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+'
const SPACE_AROUND = new RegExp(`^${SPACE}|${SPACE}$`, 'g')

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}

/** A predicate of two strings. */
function relation(name: string, holds: (text: string, other: string) => boolean): Builtin {
  return builtin(name, [T.string, T.string], T.boolean, (_, text, other) =>
    holds(stringOperand(text, 1), stringOperand(other, 2)),
  )
}

function change(name: string, changed: (text: string, other: string) => string): Builtin {
  return builtin(name, [T.string, T.string], T.string, (_, text, other) =>
    changed(stringOperand(text, 1), stringOperand(other, 2)),
  )
}

function trimmed(text: string, characters: string, left: boolean, right: boolean): string {
  const set = new Set(characters)
  const all = [...text]
  let start = 0
  let end = all.length
  while (left && start < end && set.has(all[start] as string)) start += 1
  while (right && end > start && set.has(all[end - 1] as string)) end -= 1
  return all.slice(start, end).join('')
}

/** Code-point positions of a text in another, overlapping ones too. */
function* positions(text: string, search: string): Iterable<number> {
  if (search === '') throw new BuiltinError('empty search character')
  const ascii = isAscii(text)
  let units = 0
  let points = 0
  for (let at = text.indexOf(search); at >= 0; at = text.indexOf(search, at + 1)) {
    if (!ascii) for (; units < at; points++) units += (text.codePointAt(units) as number) > 0xffff ? 2 : 1
    yield ascii ? at : points
  }
}

function substring(text: string, start: number, length: number): string {
  if (start < 0) throw new BuiltinError('negative offset')
  if (isAscii(text)) return length < 0 ? text.slice(start) : text.slice(start, start + length)
  const all = [...text]
  return (length < 0 ? all.slice(start) : all.slice(start, start + length)).join('')
}

function splitN(text: string, delimiter: string, count: number): readonly string[] {
  const parts = delimiter === '' ? [...text] : text.split(delimiter)
  return count >= 0 ? parts.slice(0, count) : parts.slice(Math.max(parts.length + count, 0))
}

/** Strings to look in or for: one, or an array or set of them. */
function oneOrMore(operand: Value | undefined, position: number): readonly string[] {
  const value = given(operand)
  if (typeof value === 'string') return [value]
  if (isArray(value) || isSet(value)) return stringElements(value, position)
  throw typeError(position, operand, 'string', 'set', 'array')
}

function anyMatch(name: string, matches: (text: string, affix: string) => boolean): Builtin {
  return builtin(name, [strings1, strings1], T.boolean, (context, texts, affixes) => {
    const all = oneOrMore(texts, 1)
    const wanted = oneOrMore(affixes, 2)
    if (all.length > 1 && wanted.length > 1) context.charge((all.length * wanted.length) >> 4)
    return all.some((text) => wanted.some((affix) => matches(text, affix)))
  })
}

function formatInteger(operand: Value | undefined, base: Value | undefined): string {
  const number = numberOperand(operand, 1)
  const radix = numberOperand(base, 2)
  if (radix !== 2 && radix !== 8 && radix !== 10 && radix !== 16) {
    throw new OperandError('operand 2 must be one of {2, 8, 10, 16}')
  }
  return truncated(number).toString(radix)
}

function pairsOperand(patterns: Value | undefined): readonly (readonly [string, string])[] {
  return Array.from(objectEntries(objectOperand(patterns, 1)), ([from, to]) => {
    if (typeof from !== 'string') throw new OperandError('operand 1 non-string key found in pattern object')
    if (typeof to !== 'string') throw new OperandError('operand 1 non-string value found in pattern object')
    return [from, to] as const
  })
}

export const strings: readonly Builtin[] = [
  relation('contains', (text, search) => text.includes(search)),
  relation('startswith', (text, prefix) => text.startsWith(prefix)),
  relation('endswith', (text, suffix) => text.endsWith(suffix)),
  anyMatch('strings.any_prefix_match', (text, prefix) => text.startsWith(prefix)),
  anyMatch('strings.any_suffix_match', (text, suffix) => text.endsWith(suffix)),
  builtin('indexof', [T.string, T.string], T.number, (_, text, search) => {
    for (const position of positions(stringOperand(text, 1), stringOperand(search, 2))) return position
    return -1
  }),
  builtin('indexof_n', [T.string, T.string], T.array(T.number), (_, text, search) => [
    ...positions(stringOperand(text, 1), stringOperand(search, 2)),
  ]),
  builtin('strings.count', [T.string, T.string], T.number, (_, text, search) => {
    const all = stringOperand(text, 1)
    const wanted = stringOperand(search, 2)
    return wanted === '' ? [...all].length + 1 : all.split(wanted).length - 1
  }),
  builtin('substring', [T.string, T.number, T.number], T.string, (_, text, start, length) =>
    substring(stringOperand(text, 1), intOperand(start, 2), intOperand(length, 3)),
  ),
  builtin(
    'concat',
    [T.string, T.union(T.array(T.string), T.set(T.string))],
    T.string,
    (context, delimiter, operand) => {
      const between = stringOperand(delimiter, 1)
      const collection = given(operand)
      if (!isArray(collection) && !isSet(collection)) throw typeError(2, operand, 'set', 'array')
      const parts = stringElements(collection, 2)
      chargeText(
        context,
        parts.reduce((length, part) => length + part.length + between.length, 0),
      )
      return parts.join(between)
    },
  ),
  builtin('split', [T.string, T.string], T.array(T.string), (_, text, delimiter) => {
    const all = stringOperand(text, 1)
    const between = stringOperand(delimiter, 2)
    return between === '' ? [...all] : all.split(between)
  }),
  builtin('strings.split_n', [T.string, T.string, T.number], T.array(T.string), (_, text, delimiter, count) =>
    splitN(stringOperand(text, 1), stringOperand(delimiter, 2), intOperand(count, 3)),
  ),
  builtin('replace', [T.string, T.string, T.string], T.string, (context, text, from, to) =>
    replaceAll(stringOperand(text, 1), [[stringOperand(from, 2), stringOperand(to, 3)]], textMeter(context)),
  ),
  builtin('strings.replace_n', [T.object(T.string, T.string), T.string], T.string, (context, patterns, text) => {
    objectOperand(patterns, 1)
    const all = stringOperand(text, 2)
    return replaceAll(all, pairsOperand(patterns), textMeter(context))
  }),
  builtin('lower', [T.string], T.string, (_, text) => lower(stringOperand(text, 1))),
  builtin('upper', [T.string], T.string, (_, text) => upper(stringOperand(text, 1))),
  change('trim', (text, characters) => trimmed(text, characters, true, true)),
  change('trim_left', (text, characters) => trimmed(text, characters, true, false)),
  change('trim_right', (text, characters) => trimmed(text, characters, false, true)),
  change('trim_prefix', (text, prefix) => (text.startsWith(prefix) ? text.slice(prefix.length) : text)),
  change('trim_suffix', (text, suffix) =>
    suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text,
  ),
  builtin('trim_space', [T.string], T.string, (_, text) => stringOperand(text, 1).replace(SPACE_AROUND, '')),
  builtin('strings.reverse', [T.string], T.string, (_, text) => [...stringOperand(text, 1)].reverse().join('')),
  builtin('format_int', [T.number, T.number], T.string, (_, number, base) => formatInteger(number, base)),
]
