/**
 * Query escaping and URL parsing with Go's rules.
 *
 * @see https://pkg.go.dev/net/url
 */
import { BuiltinError } from '../../builtins-api.js'
import { fromBytes, toBytes } from './bytes.js'
import { quote } from './quote.js'

export function queryEscape(text: string): string {
  let escaped = ''
  for (const byte of toBytes(text)) {
    const character = String.fromCharCode(byte)
    if (/[A-Za-z0-9_.~-]/.test(character)) escaped += character
    else if (byte === 0x20) escaped += '+'
    else escaped += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return escaped
}

export function queryUnescape(text: string): string {
  return unescapeBytes(text.replaceAll('+', ' '))
}

/** Percent-decoding. @throws BuiltinError `invalid URL escape "%zz"` */
export function unescapeBytes(text: string): string {
  if (!text.includes('%')) return text
  const bytes = toBytes(text)
  const out: number[] = []
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number
    if (byte !== 0x25) {
      out.push(byte)
      continue
    }
    const digits = fromBytes(bytes.subarray(i + 1, i + 3))
    if (!/^[0-9a-fA-F]{2}$/.test(digits)) throw new BuiltinError(`invalid URL escape ${quote(`%${digits}`)}`)
    out.push(Number.parseInt(digits, 16))
    i += 2
  }
  return fromBytes(Uint8Array.from(out))
}

/** Names and their values in the order they come. */
export function parseQuery(query: string): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>()
  let failure: unknown
  for (const part of query.split('&')) {
    if (part === '') continue
    try {
      if (part.includes(';')) throw new BuiltinError('invalid semicolon separator in query')
      const equals = part.indexOf('=')
      const name = queryUnescape(equals < 0 ? part : part.slice(0, equals))
      const value = queryUnescape(equals < 0 ? '' : part.slice(equals + 1))
      const known = values.get(name)
      if (known === undefined) values.set(name, [value])
      else known.push(value)
    } catch (error) {
      failure ??= error
    }
  }
  if (failure !== undefined) throw failure
  return values
}
