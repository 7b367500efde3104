/** Values as Rego text, as OPA prints them in `sprintf("%v")`, `print` and template strings. */
import { visit } from './meter.js'
import { formatNumber } from './number.js'
import { isArray, isNumber, isSet, type ObjectValue, objectEntries, type Value } from './value.js'

/** `{"a": [1, true]}`, `{1, 2}`, `set()`. */
export function regoText(value: Value): string {
  if (isNumber(value)) return formatNumber(value)
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return quoted(value)
  visit()
  if (isArray(value)) return `[${value.map(regoText).join(', ')}]`
  if (isSet(value)) return value.size === 0 ? 'set()' : `{${value.sorted().map(regoText).join(', ')}}`
  const members = [...objectEntries(value as ObjectValue)].map(
    ([key, member]) => `${regoText(key)}: ${regoText(member)}`,
  )
  return `{${members.join(', ')}}`
}

/** A string in quotes, escaped as Go's `strconv.Quote` does. */
export function quoted(text: string): string {
  let out = '"'
  for (const character of text) {
    const short = ESCAPES.get(character)
    const code = character.codePointAt(0) ?? 0
    if (short !== undefined) out += short
    else if (code < 0x20 || code === 0x7f) out += `\\x${code.toString(16).padStart(2, '0')}`
    else if (/[\p{C}\p{Z}]/u.test(character) && character !== ' ') {
      out += code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
    } else out += character
  }
  return `${out}"`
}

const ESCAPES = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\n', '\\n'],
  ['\t', '\\t'],
  ['\r', '\\r'],
  ['\u0007', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\v', '\\v'],
])
