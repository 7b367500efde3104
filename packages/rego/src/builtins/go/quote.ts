/**
 * String literals as Go writes them.
 *
 * @see https://pkg.go.dev/strconv#Quote
 */
import { toBytes } from './bytes.js'

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\u0007', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
  ['\\', '\\\\'],
])
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u
const PLAIN = /^[ !#-[\]-~]*$/

/** `"text"` in double quotes with what cannot be printed escaped; all beyond ASCII too when `ascii`. */
export function quote(text: string, ascii = false): string {
  if (PLAIN.test(text)) return `"${text}"`
  return `"${Array.from(text, (character) => escapeCharacter(character, '"', ascii)).join('')}"`
}

/** As Go's package for times quotes: bytes beyond ASCII by their numbers. */
export function quoteBytes(text: string): string {
  const escaped = Array.from(toBytes(text), (byte) => {
    const character = String.fromCharCode(byte)
    if (byte >= 0x80 || byte < 0x20) return `\\x${hex(byte, 2)}`
    return character === '"' || character === '\\' ? `\\${character}` : character
  })
  return `"${escaped.join('')}"`
}

/** `'c'` in single quotes. */
export function quoteRune(code: number, ascii = false): string {
  const valid = code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff) && code >= 0
  return `'${escapeCharacter(valid ? String.fromCodePoint(code) : '\ufffd', "'", ascii)}'`
}

/** Whether a string can be written between backquotes unchanged. */
export function canBackquote(text: string): boolean {
  return !Array.from(text).some(
    (c) => c === '`' || c === '\ufeff' || (c < ' ' && c !== '\t') || c === '\u007f' || isLone(c),
  )
}

export function isPrintable(character: string): boolean {
  return PRINTABLE.test(character)
}

function escapeCharacter(character: string, delimiter: string, ascii: boolean): string {
  if (character === delimiter) return `\\${delimiter}`
  const short = ESCAPES.get(character)
  if (short !== undefined) return short
  const code = character.codePointAt(0) as number
  if (isLone(character)) return code >= 0xdc80 && code <= 0xdcff ? `\\x${hex(code - 0xdc00, 2)}` : '\\ufffd'
  if (code < 0x80 ? code >= 0x20 && code < 0x7f : !ascii && isPrintable(character)) return character
  if (code < 0x80) return `\\x${hex(code, 2)}`
  return code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`
}

function isLone(character: string): boolean {
  return character.length === 1 && character >= '\ud800' && character <= '\udfff'
}

function hex(code: number, width: number): string {
  return code.toString(16).padStart(width, '0')
}
