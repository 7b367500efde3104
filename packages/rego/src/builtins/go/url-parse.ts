/**
 * URLs as Go parses them.
 *
 * @see https://pkg.go.dev/net/url#Parse
 */
import { BuiltinError } from '../../builtins-api.js'
import { toBytes } from './bytes.js'
import { parseAddress } from './ip.js'
import { quote } from './quote.js'
import { unescapeBytes } from './url.js'

export interface Url {
  readonly scheme: string
  readonly hostname: string
  readonly port: string
  readonly path: string
  /** The path as written, when that is not how Go would write it. */
  readonly rawPath: string
  readonly rawQuery: string
  readonly fragment: string
}

/** @throws BuiltinError `parse ":x": missing protocol scheme` */
export function parseUrl(text: string): Url {
  const [before = '', ...after] = text.split('#')
  const fragment = after.join('#')
  try {
    return { ...parseWithoutFragment(before), fragment: unescapeBytes(fragment) }
  } catch (error) {
    if (error instanceof BuiltinError) throw new BuiltinError(`parse ${quote(before)}: ${error.message}`)
    throw error
  }
}

function parseWithoutFragment(text: string): Omit<Url, 'fragment'> {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are refused
  if (/[\u0000-\u0020\u007f]/.test(text.replaceAll(' ', ''))) {
    throw new BuiltinError('net/url: invalid control character in URL')
  }
  const none = { scheme: '', hostname: '', port: '', path: '', rawPath: '', rawQuery: '' }
  if (text === '*') return { ...none, path: '*' }
  const { scheme, rest } = splitScheme(text)
  const question = rest.indexOf('?')
  const hierarchy = question < 0 ? rest : rest.slice(0, question)
  const rawQuery = question < 0 ? '' : rest.slice(question + 1)
  if (!hierarchy.startsWith('/')) {
    // A scheme and no slash: what follows is opaque.
    if (scheme !== '') return { ...none, scheme, rawQuery }
    if (hierarchy.split('/')[0]?.includes(':')) {
      throw new BuiltinError('first path segment in URL cannot contain colon')
    }
  }
  const hasAuthority = hierarchy.startsWith('//') && (scheme !== '' || !hierarchy.startsWith('///'))
  const slash = hasAuthority ? hierarchy.indexOf('/', 2) : 0
  const authority = hasAuthority ? hierarchy.slice(2, slash < 0 ? undefined : slash) : ''
  const written = slash < 0 ? '' : hierarchy.slice(slash)
  const path = unescapeBytes(written)
  const rawPath = escapePath(path) === written ? '' : written
  return { scheme, ...parseAuthority(authority), path, rawPath, rawQuery }
}

function splitScheme(text: string): { scheme: string; rest: string } {
  if (text.startsWith(':')) throw new BuiltinError('missing protocol scheme')
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]
  if (scheme === undefined) return { scheme: '', rest: text }
  return { scheme: scheme.toLowerCase(), rest: text.slice(scheme.length + 1) }
}

function parseAuthority(authority: string): { hostname: string; port: string } {
  const at = authority.lastIndexOf('@')
  if (at >= 0 && !/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(authority.slice(0, at))) {
    throw new BuiltinError('net/url: invalid userinfo')
  }
  if (at >= 0) unescapeBytes(authority.slice(0, at))
  const host = authority.slice(at + 1)
  if (host.startsWith('[')) return bracketed(host)
  const colon = host.lastIndexOf(':')
  const port = colon < 0 ? '' : host.slice(colon)
  checkPort(port)
  const name = colon < 0 ? host : host.slice(0, colon)
  const bad = /[ "<>\\^`{|}]/.exec(name.replaceAll(/["<>]/g, ''))?.[0]
  if (bad !== undefined) throw new BuiltinError(`invalid character ${quote(bad)} in host name`)
  const escaped = /%(?![89a-fA-F][0-9a-fA-F]).{0,2}/.exec(name)?.[0]
  if (escaped !== undefined) throw new BuiltinError(`invalid URL escape ${quote(escaped)}`)
  return { hostname: unescapeBytes(name), port: port.slice(1) }
}

function bracketed(host: string): { hostname: string; port: string } {
  const close = host.lastIndexOf(']')
  if (close < 0) throw new BuiltinError("missing ']' in host")
  const port = host.slice(close + 1)
  checkPort(port)
  const [address = '', zone] = host.slice(1, close).split('%25')
  if (!address.includes(':') || parseAddress(address) === undefined) throw new BuiltinError('invalid host')
  return { hostname: zone === undefined ? address : `${address}%${unescapeBytes(zone)}`, port: port.slice(1) }
}

function checkPort(port: string): void {
  if (!/^(?::\d*)?$/.test(port)) throw new BuiltinError(`invalid port ${quote(port)} after host`)
}

function escapePath(path: string): string {
  return Array.from(toBytes(path), (byte) => {
    const character = String.fromCharCode(byte)
    if (/[A-Za-z0-9\-_.~$&+,/:;=@]/.test(character)) return character
    return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }).join('')
}
