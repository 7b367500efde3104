/** A JSON value. Objects may leave members out, never hold `undefined` where it would be written. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined }

/**
 * The canonical form of a JSON value: the same value always gives the same text, whatever order its members came in.
 * Members that are `undefined` are left out. Order is by UTF-16 code units, numbers as ECMAScript prints them.
 *
 * @throws TypeError for what I-JSON cannot hold: non-finite numbers, lone surrogates, anything that is not JSON.
 * @example
 * ```ts
 * canonicalJson({ b: 1, a: [true, null] }) // '{"a":[true,null],"b":1}'
 * ```
 * @see https://www.rfc-editor.org/rfc/rfc8785
 */
export function canonicalJson(value: Json): string {
  switch (typeof value) {
    case 'string':
      return quoted(value)
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`canonical JSON cannot hold ${value}`)
      return JSON.stringify(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (value === null) return 'null'
      return Array.isArray(value)
        ? canonicalArray(value)
        : canonicalObject(value as { [key: string]: Json | undefined }, canonicalJson)
    default:
      throw new TypeError(`canonical JSON cannot hold a ${typeof value}`)
  }
}

function canonicalArray(items: readonly Json[]): string {
  let text = '['
  for (let i = 0; i < items.length; i++) {
    if (i > 0) text += ','
    text += canonicalJson(items[i] as Json)
  }
  return `${text}]`
}

/**
 * The canonical form of an object whose members are not JSON yet; `write` says what each of them is in canonical JSON.
 *
 * @example
 * ```ts
 * canonicalObject({ b: 1n, a: undefined }, (value) => canonicalJson(String(value))) // '{"b":"1"}'
 * ```
 */
export function canonicalObject<Member>(
  members: { readonly [key: string]: Member | undefined },
  write: (member: Member, key: string) => string,
): string {
  let text = ''
  for (const key of sortedKeys(members)) {
    const member = members[key]
    if (member === undefined) continue
    text += text === '' ? named(key) : `,${named(key)}`
    text += write(member, key)
  }
  return `{${text}}`
}

const MOST_NAMES = 1_000
const LONGEST_NAME = 64
const names = new Map<string, string>()

// The same few names come again and again; to quote each of them anew took a third of an event's time.
function named(key: string): string {
  let name = names.get(key)
  if (name === undefined) {
    name = `${quoted(key)}:`
    // What comes from outside is not kept at whatever length it has.
    if (names.size < MOST_NAMES && key.length <= LONGEST_NAME) names.set(key, name)
  }
  return name
}

// By UTF-16 code units, as RFC 8785 section 3.2.3 asks: that is how strings compare, and how they are sorted by default.
// Sorting what is sorted took twice as long as seeing that it is.
function sortedKeys(members: object): string[] {
  const keys = Object.keys(members)
  for (let i = 1; i < keys.length; i++) if ((keys[i] as string) < (keys[i - 1] as string)) return keys.sort()
  return keys
}

// Printable ASCII but for the quote and the backslash: what stands in JSON as it is.
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

function quoted(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`
  if (!isWellFormed(text)) throw new TypeError('canonical JSON cannot hold a lone surrogate')
  return JSON.stringify(text)
}

const SURROGATE = /[\uD800-\uDFFF]/

// `isWellFormed` and lookbehind are missing on engines that React Native runs on; this throws on every engine.
function isWellFormed(text: string): boolean {
  if (!SURROGATE.test(text)) return true
  try {
    encodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
