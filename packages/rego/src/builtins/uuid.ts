/**
 * `uuid.parse` and `uuid.rfc4122`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4122#section-4.1
 */
import { type Builtin, builtin, stringOperand, T } from '../builtins-api.js'
import { keyOf, RegoObject, type Value } from '../value.js'
import { hex } from './go/bytes.js'
import { given, integer } from './operands.js'

/** Between the start of the Gregorian calendar and 1970, in units of 100 ns. */
const GREGORIAN_OFFSET = 122_192_928_000_000_000n
const DOMAINS = ['Person', 'Group', 'Org']
const FORM = /^([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})$/i

/** The 16 bytes as hexadecimal; bare, with dashes, in braces, or as URN. */
function digits(text: string): string | undefined {
  if (/^[0-9a-f]{32}$/i.test(text)) return text.toLowerCase()
  const inner = text.length === 38 ? text.slice(1, -1) : text.replace(/^urn:uuid:/i, '')
  return FORM.exec(inner)?.slice(1).join('').toLowerCase()
}

function variant(byte: number): string {
  if ((byte & 0xc0) === 0x80) return 'RFC4122'
  if ((byte & 0xe0) === 0xc0) return 'Microsoft'
  return (byte & 0xe0) === 0xe0 ? 'Future' : 'Reserved'
}

function hardwareAddress(byte: number): string {
  return `${byte & 2 ? 'local' : 'global'}:${byte & 1 ? 'multicast' : 'unicast'}`
}

function parse(text: string): Value | undefined {
  const id = digits(text)
  if (id === undefined) return undefined
  const byte = (index: number): number => Number.parseInt(id.slice(index * 2, index * 2 + 2), 16)
  const version = byte(6) >> 4
  const fields = new RegoObject().set('version', version).set('variant', variant(byte(8)))
  if (version !== 1 && version !== 2) return fields
  const time = BigInt(`0x${id.slice(13, 16)}${id.slice(8, 12)}${id.slice(0, 8)}`) - GREGORIAN_OFFSET
  fields
    .set('time', integer(BigInt.asIntN(64, time * 100n)))
    .set('nodeid', (id.slice(20).match(/../g) ?? []).join('-'))
    .set('macvariables', hardwareAddress(byte(10)))
    .set('clocksequence', Number.parseInt(id.slice(16, 20), 16) & 0x3fff)
  if (version === 2) {
    fields.set('id', Number.parseInt(id.slice(0, 8), 16)).set('domain', DOMAINS[byte(9)] ?? `Domain${byte(9)}`)
  }
  return fields
}

function random(bytes: Uint8Array): string {
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  const id = hex(bytes)
  return [id.slice(0, 8), id.slice(8, 12), id.slice(12, 16), id.slice(16, 20), id.slice(20)].join('-')
}

export const uuid: readonly Builtin[] = [
  builtin('uuid.parse', [T.string], T.object(T.string, T.any), (_, text) => parse(stringOperand(text, 1))),
  builtin(
    'uuid.rfc4122',
    [T.string],
    T.string,
    (context, key) => {
      const cacheKey = `uuid.rfc4122 ${typeof key} ${String(keyOf(given(key)))}`
      const id = (context.cache.get(cacheKey) as string | undefined) ?? random(Uint8Array.from(context.randomBytes(16)))
      context.cache.set(cacheKey, id)
      return id
    },
    { impure: 'random' },
  ),
]
