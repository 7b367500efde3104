/**
 * Bytes and strings. A Rego string is UTF-8 in OPA and may hold bytes that are none (`base64.decode` of a signature); here each such
 * byte is a lone surrogate U+DC80…U+DCFF, so that it comes back when the string is hashed or encoded again.
 */

const encoder = new TextEncoder()
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Whether the string holds a byte that is no UTF-8, or another lone surrogate. */
export function isWellFormed(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0xd800 || unit > 0xdfff) continue
    if (unit > 0xdbff) return false
    const next = text.charCodeAt(i + 1)
    if (!(next >= 0xdc00 && next <= 0xdfff)) return false
    i += 1
  }
  return true
}

export function toBytes(text: string): Uint8Array {
  if (isWellFormed(text)) return encoder.encode(text)
  const bytes: number[] = []
  for (const character of text) {
    const code = character.codePointAt(0) as number
    if (code >= 0xdc80 && code <= 0xdcff) bytes.push(code - 0xdc00)
    else bytes.push(...encoder.encode(character))
  }
  return Uint8Array.from(bytes)
}

export function fromBytes(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes)
  } catch {
    return decodeWithRawBytes(bytes)
  }
}

function decodeWithRawBytes(bytes: Uint8Array): string {
  const pieces: string[] = []
  let at = 0
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at)
    if (length === 0) {
      pieces.push(String.fromCharCode(0xdc00 + (bytes[at] as number)))
      at += 1
    } else {
      pieces.push(strict.decode(bytes.subarray(at, at + length)))
      at += length
    }
  }
  return pieces.join('')
}

/** The length of the UTF-8 sequence at an offset; 0 when there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number
  if (first < 0x80) return 1
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0
  if (length === 0 || first > 0xf4 || at + length > bytes.length) return 0
  for (let i = 1; i < length; i++) if (((bytes[at + i] as number) & 0xc0) !== 0x80) return 0
  const second = bytes[at + 1] as number
  if ((first === 0xe0 && second < 0xa0) || (first === 0xed && second > 0x9f)) return 0
  if ((first === 0xf0 && second < 0x90) || (first === 0xf4 && second > 0x8f)) return 0
  return length
}

/** The string as others may see it: bytes that are no UTF-8 become U+FFFD. */
export function replaceInvalid(text: string): string {
  if (isWellFormed(text)) return text
  return Array.from(text, (c) => (c.length === 1 && c >= '\ud800' && c <= '\udfff' ? '\ufffd' : c)).join('')
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
