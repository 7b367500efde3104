/** Rego values as YAML in block style, two spaces a level, keys in the order that Go's library gives them. */
import { formatNumber, isNumber, type RegoNumber, toDouble } from '../../number.js'
import { isArray, isObject, isSet, type Value } from '../../value.js'
import { formatFloat } from '../go/float-text.js'
import { jsonEntries } from '../go/json-text.js'
import { isPrintable } from '../go/quote.js'
import { checkDepth } from '../operands.js'
import { plainScalar } from './scalar.js'

/** @param meter called with the length of each line before it is kept */
export function yamlText(value: Value, meter: (added: number) => void): string {
  const lines: string[] = []
  const push = (line: string): void => {
    meter(line.length + 1)
    lines.push(line)
  }
  block(value, '', '', push)
  return `${lines.join('\n')}\n`
}

/** Writes a value after `lead`, which is what stands before it on its first line; later lines are indented by `indent`. */
function block(value: Value, lead: string, indent: string, push: (line: string) => void, depth = 0): void {
  checkDepth(depth)
  const items = isArray(value) ? value : isSet(value) ? value.sorted() : undefined
  if (items !== undefined && items.length > 0) {
    // A list below a key begins on a line of its own.
    const own = lead.endsWith(':')
    if (own) push(lead)
    const inner = own ? `${indent}  ` : indent
    for (const [i, item] of items.entries()) {
      block(item, `${i === 0 && !own ? lead : inner}- `, `${inner}  `, push, depth + 1)
    }
    return
  }
  const entries = isObject(value) ? [...jsonEntries(value)].sort(([a], [b]) => compareKeys(a, b)) : []
  if (entries.length > 0) {
    const own = lead.endsWith(':')
    if (own) push(lead)
    const inner = own ? `${indent}  ` : indent
    for (const [i, [key, member]] of entries.entries()) {
      block(member, `${i === 0 && !own ? lead : inner}${scalarText(key, inner, true)}:`, inner, push, depth + 1)
    }
    return
  }
  const gap = lead === '' || lead.endsWith(' ') ? '' : ' '
  push(
    `${lead}${gap}${items !== undefined ? '[]' : isObject(value) ? '{}' : leafText(value, indent, lead.endsWith(':'))}`,
  )
}

function leafText(value: Value, indent: string, belowKey: boolean): string {
  if (typeof value === 'string') return scalarText(value, belowKey ? `${indent}  ` : indent, false)
  return isNumber(value) ? numberText(value) : String(value)
}

function numberText(value: RegoNumber): string {
  const text = formatNumber(value)
  if (/^-?\d+$/.test(text) && BigInt(text) >= -(2n ** 63n) && BigInt(text) < 2n ** 64n) return text
  return formatFloat(toDouble(value), 'g', -1)
}

/** Words that YAML 1.1 read as booleans are quoted for readers that still do. */
const OLD_BOOLEANS = /^(?:y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/
/** As a plain key it would merge what stands below it. Open Policy Agent leaves it plain, and then cannot read it back. */
const MERGE = '<<'
const BASE_60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/
const TIMESTAMP = /^\d{4}-\d{1,2}-\d{1,2}(?:(?:[Tt]|[ \t]+)\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?.*)?$/

function scalarText(text: string, indent: string, key: boolean): string {
  if ((key && text === MERGE) || needsQuotes(text)) return doubleQuoted(text)
  if (text.includes('\n')) return key || !isLiteral(text) ? doubleQuoted(text) : literal(text, indent)
  if (isPlain(text)) return text
  return isSingle(text) ? `'${text.replaceAll("'", "''")}'` : doubleQuoted(text)
}

/** Text that would read back as something else. */
function needsQuotes(text: string): boolean {
  if (OLD_BOOLEANS.test(text) || BASE_60.test(text) || TIMESTAMP.test(text)) return true
  try {
    return plainScalar(text) !== text
  } catch {
    return true
  }
}

function isPlain(text: string): boolean {
  if (/^[\s]|[\s]$/.test(text) || /^(?:---|\.\.\.)/.test(text)) return false
  if (/^[#,[\]{}&*!|>'"%@`]/.test(text) || /^[-?:](?:\s|$)/.test(text)) return false
  return !/: |:$| #|\t/.test(text) && allPrintable(text)
}

function isSingle(text: string): boolean {
  return allPrintable(text) && !/[\t]/.test(text)
}

function isLiteral(text: string): boolean {
  return !/^ |[ \t]\n|\t/.test(text) && allPrintable(text.replaceAll('\n', ''))
}

/** Go's library writes nothing beyond the basic plane as it is. */
function isShown(character: string): boolean {
  return (character.codePointAt(0) as number) <= 0xffff && isPrintable(character)
}

function allPrintable(text: string): boolean {
  return Array.from(text).every((character) => character !== '\ufeff' && isShown(character))
}

/** `|` with a mark for the line breaks at the end: none, one, or all kept. */
function literal(text: string, indent: string): string {
  const mark = text.endsWith('\n\n') || text === '\n' ? '+' : text.endsWith('\n') ? '' : '-'
  const lines = text.replace(/\n$/, '').split('\n')
  // A reader cannot tell the indentation from an empty first line.
  const hint = text.startsWith('\n') ? '2' : ''
  return `|${hint}${mark}\n${lines.map((line) => (line === '' ? '' : `${indent === '' ? '  ' : indent}${line}`)).join('\n')}`
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\0', '\\0'],
  ['\u0007', '\\a'],
  ['\b', '\\b'],
  ['\t', '\\t'],
  ['\n', '\\n'],
  ['\v', '\\v'],
  ['\f', '\\f'],
  ['\r', '\\r'],
  ['\u001b', '\\e'],
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\u0085', '\\N'],
  ['\u00a0', '\\_'],
  ['\u2028', '\\L'],
  ['\u2029', '\\P'],
])

function doubleQuoted(text: string): string {
  const escaped = Array.from(text, (character) => {
    const short = ESCAPES.get(character)
    if (short !== undefined) return short
    if (isShown(character)) return character
    const code = character.codePointAt(0) as number
    if (code <= 0xff) return `\\x${code.toString(16).toUpperCase().padStart(2, '0')}`
    return code <= 0xffff
      ? `\\u${code.toString(16).toUpperCase().padStart(4, '0')}`
      : `\\U${code.toString(16).toUpperCase().padStart(8, '0')}`
  })
  return `"${escaped.join('')}"`
}

/** Natural order: runs of digits by value, letters after other characters. */
function compareKeys(a: string, b: string): number {
  const x = [...a]
  const y = [...b]
  let digits = false
  for (let i = 0; i < x.length && i < y.length; i++) {
    const p = x[i] as string
    const q = y[i] as string
    if (p === q) {
      digits = /\d/.test(p)
      continue
    }
    const pLetter = /\p{L}/u.test(p)
    const qLetter = /\p{L}/u.test(q)
    if (pLetter && qLetter) return p < q ? -1 : 1
    if (pLetter || qLetter) return pLetter === digits ? -1 : 1
    const numbers = compareNumberRuns(x, y, i)
    return numbers !== 0 ? numbers : p < q ? -1 : 1
  }
  return x.length - y.length
}

/** A zero after other digits of a number has its place value; what is no digit comes before all digits. */
function compareNumberRuns(x: readonly string[], y: readonly string[], at: number): number {
  const before = /[1-9]\d*$/.test(x.slice(0, at).join(''))
  const prefix = before && (x[at] === '0' || y[at] === '0') ? '1' : '0'
  const run = (of: readonly string[]): string => /^\d*/.exec(of.slice(at).join(''))?.[0] ?? ''
  const p = run(x)
  const q = run(y)
  const difference = BigInt(prefix + p) - BigInt(prefix + q)
  return difference < 0n ? -1 : difference > 0n ? 1 : p.length - q.length
}
