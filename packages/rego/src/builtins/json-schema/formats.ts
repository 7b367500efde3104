/** The formats of JSON Schema; one that is not known matches everything. */
import { BuiltinError } from '../../builtins-api.js'
import { parseAddress } from '../go/ip.js'
import { parseTime } from '../go/time-parse.js'
import { parseUrl } from '../go/url-parse.js'
import { isPattern } from '../regex/pattern.js'

const LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]{0,61}[a-zA-Z0-9])'
const HOSTNAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`)
const ATOM = '[^\\s"(),.:;<>@\\[\\\\\\]]+'
const MAILBOX = `(?:${ATOM}(?:\\.${ATOM})*|"(?:[^"\\\\]|\\\\.)*")@(?:${ATOM}(?:\\.${ATOM})*|\\[[^\\]]*\\])`
const EMAIL = new RegExp(`^\\s*(?:${MAILBOX}|(?:[^<>@,]*)<${MAILBOX}>)\\s*$`)
const TIME = ['15:04:05', '15:04:05Z07:00']
const DATE_TIME = [...TIME, '2006-01-02', '2006-01-02T15:04:05Z07:00']

function holds(check: () => boolean): boolean {
  try {
    return check()
  } catch (error) {
    if (error instanceof BuiltinError) return false
    throw error
  }
}

function isTime(layouts: readonly string[], text: string): boolean {
  return layouts.some((layout) => holds(() => parseTime(layout, text) !== undefined))
}

function isUriReference(text: string): boolean {
  return !text.includes('\\') && holds(() => parseUrl(text) !== undefined)
}

function isUri(text: string): boolean {
  return isUriReference(text) && parseUrl(text).scheme !== ''
}

const FORMATS: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ['date', (text: string) => isTime(['2006-01-02'], text)],
  ['time', (text: string) => isTime(TIME, text)],
  ['date-time', (text: string) => isTime(DATE_TIME, text)],
  ['hostname', (text: string) => text.length < 256 && HOSTNAME.test(text)],
  ['email', (text: string) => EMAIL.test(text)],
  ['idn-email', (text: string) => EMAIL.test(text)],
  ['ipv4', (text: string) => text.includes('.') && parseAddress(text) !== undefined],
  ['ipv6', (text: string) => text.includes(':') && parseAddress(text) !== undefined],
  ['uri', isUri],
  ['iri', isUri],
  ['uri-reference', isUriReference],
  ['iri-reference', isUriReference],
  ['uri-template', (text: string) => isUriReference(text) && /^(?:[^{}]|\{[^}]*\})*$/.test(parseUrl(text).path)],
  ['uuid', (text: string) => /^[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$/i.test(text)],
  ['regex', (text: string) => isPattern(text)],
  ['json-pointer', (text: string) => /^(?:\/(?:[^~/]|~0|~1)*)*$/.test(text)],
  ['relative-json-pointer', (text: string) => /^(?:0|[1-9]\d*)(?:#|(?:\/(?:[^~/]|~0|~1)*)*)$/.test(text)],
])

export function matchesFormat(format: string, text: string): boolean {
  return FORMATS.get(format)?.(text) ?? true
}
