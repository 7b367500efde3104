/**
 * Base64 with Go's rules for what is refused: line breaks are skipped, padding is needed, bits left over are not looked at.
 *
 * @see https://pkg.go.dev/encoding/base64
 */
import { BuiltinError } from '../../builtins-api.js'
import { toBytes } from './bytes.js'

const STANDARD = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const URL_SAFE = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
export type Alphabet = 'standard' | 'url'

const VALUES: Readonly<Record<Alphabet, Int8Array>> = { standard: values(STANDARD), url: values(URL_SAFE) }
const PAD = 0x3d

function values(alphabet: string): Int8Array {
  const table = new Int8Array(256).fill(-1)
  for (let i = 0; i < 64; i++) table[alphabet.charCodeAt(i)] = i
  return table
}

export function encodeBase64(bytes: Uint8Array, alphabet: Alphabet, padded: boolean): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(
    alphabet === 'url' ? 'base64url' : 'base64',
  )
  return alphabet === 'url' && padded ? text.padEnd(Math.ceil(text.length / 4) * 4, '=') : text
}

/** @throws BuiltinError `illegal base64 data at input byte 5` */
export function decodeBase64(text: string, alphabet: Alphabet): Uint8Array {
  const source = toBytes(text)
  const table = VALUES[alphabet]
  const out = new Uint8Array(Math.ceil(source.length / 4) * 3)
  let length = 0
  let at = 0
  const skipBreaks = (): void => {
    while (at < source.length && (source[at] === 10 || source[at] === 13)) at += 1
  }
  for (;;) {
    let bits = 0
    let count = 0
    let last = false
    while (count < 4 && !last) {
      if (at === source.length) {
        if (count === 0) return out.subarray(0, length)
        throw corrupt(at - count)
      }
      const byte = source[at] as number
      at += 1
      const value = table[byte] as number
      if (value >= 0) {
        bits = (bits << 6) | value
        count += 1
      } else if (byte === PAD) {
        if (count < 2) throw corrupt(at - 1)
        if (count === 2) {
          skipBreaks()
          if (at === source.length) throw corrupt(at)
          if (source[at] !== PAD) throw corrupt(at - 1)
          at += 1
        }
        skipBreaks()
        if (at < source.length) throw corrupt(at)
        last = true
      } else if (byte !== 10 && byte !== 13) {
        throw corrupt(at - 1)
      }
    }
    bits <<= (4 - count) * 6
    for (let i = 0; i < count - 1; i++) out[length++] = (bits >> (16 - i * 8)) & 0xff
    if (last) return out.subarray(0, length)
  }
}

/** Base64url with or without its padding, as JOSE writes it. */
export function decodeBase64Url(text: string): Uint8Array {
  if (text.endsWith('=')) return decodeBase64(text, 'url')
  const rest = toBytes(text).length % 4
  if (rest === 1) throw new BuiltinError(`illegal base64url string: ${text}`)
  return decodeBase64(text + '='.repeat((4 - rest) % 4), 'url')
}

function corrupt(offset: number): BuiltinError {
  return new BuiltinError(`illegal base64 data at input byte ${offset}`)
}
