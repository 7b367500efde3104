/**
 * Upper and lower case character by character, as Go's `strings.ToUpper` and `ToLower`: one character for one, without the special
 * cases of words and languages that JavaScript knows (`ß` stays `ß`).
 *
 * @see https://pkg.go.dev/unicode#ToUpper
 */
const ASCII = /^[\0-\x7f]*$/

export function lower(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase()
  return Array.from(text, (c) => (c === '\u0130' ? 'i' : single(c, c.toLowerCase()))).join('')
}

export function upper(text: string): string {
  if (ASCII.test(text)) return text.toUpperCase()
  return Array.from(text, (c) => withIota(c) ?? single(c, c.toUpperCase())).join('')
}

function single(character: string, changed: string): string {
  return [...changed].length === 1 ? changed : character
}

/** Greek letters with iota subscript have one capital of their own, where JavaScript writes two letters. */
function withIota(character: string): string | undefined {
  const code = character.codePointAt(0) as number
  if (code < 0x1f80 || code > 0x1ff3) return undefined
  if (code <= 0x1faf) return String.fromCodePoint(code | 8)
  return code === 0x1fb3 || code === 0x1fc3 || code === 0x1ff3 ? String.fromCodePoint(code + 9) : undefined
}
