/**
 * JSON text as Go's `encoding/json` writes it: keys in order of their bytes, `<`, `>` and `&` escaped.
 *
 * @see https://pkg.go.dev/encoding/json#Marshal
 */
import { formatNumber, isNumber } from '../../number.js'
import { compareStrings, isArray, isSet, type ObjectValue, objectEntries, type Value } from '../../value.js'

import { checkDepth } from '../operands.js'

// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON escapes them
const SPECIAL = /["\\<>&\u2028\u2029\u0000-\u001f\ud800-\udfff]/u
const SHORT: ReadonlyMap<string, string> = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
])

export function jsonString(text: string): string {
  return SPECIAL.test(text) ? `"${Array.from(text, escapeCharacter).join('')}"` : `"${text}"`
}

function escapeCharacter(character: string): string {
  if (!SPECIAL.test(character)) return character
  const code = character.codePointAt(0) as number
  if (code >= 0xd800 && code <= 0xdfff) return '\\ufffd'
  return SHORT.get(character) ?? `\\u${code.toString(16).padStart(4, '0')}`
}

export interface Indent {
  readonly prefix: string
  readonly indent: string
}

/** @param meter called with the length of each piece before the piece is kept */
export function jsonText(value: Value, meter: (added: number) => void, indent?: Indent): string {
  const pieces: string[] = []
  const push = (piece: string): void => {
    meter(piece.length)
    pieces.push(piece)
  }
  const line = (depth: number): string => (indent ? `\n${indent.prefix}${indent.indent.repeat(depth)}` : '')

  function list(open: string, close: string, members: readonly (() => void)[], depth: number): void {
    push(open)
    members.forEach((member, i) => {
      push((i > 0 ? ',' : '') + line(depth + 1))
      member()
    })
    push((members.length > 0 ? line(depth) : '') + close)
  }

  function write(one: Value, depth: number): void {
    checkDepth(depth)
    if (typeof one === 'string') push(jsonString(one))
    else if (isNumber(one)) push(formatNumber(one))
    else if (one === null || typeof one === 'boolean') push(String(one))
    else if (isArray(one) || isSet(one)) {
      const members = Array.from(one, (element: Value) => () => write(element, depth + 1))
      list('[', ']', members, depth)
    } else {
      const members = jsonEntries(one as ObjectValue).map(([key, element]) => () => {
        push(`${jsonString(key)}:${indent ? ' ' : ''}`)
        write(element, depth + 1)
      })
      list('{', '}', members, depth)
    }
  }

  write(value, 0)
  return pieces.join('')
}

/** Entries with keys as JSON has them: a key that is no string is its JSON text. Of two that come out alike the last counts. */
export function jsonEntries(object: ObjectValue): readonly (readonly [key: string, value: Value])[] {
  const entries = new Map<string, Value>()
  let textual = true
  for (const [key, value] of objectEntries(object)) {
    if (typeof key !== 'string') textual = false
    entries.set(typeof key === 'string' ? key : jsonText(key, () => {}), value)
  }
  return textual ? [...entries] : [...entries].sort(([a], [b]) => compareStrings(a, b))
}
