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
      if (!isWellFormed(value)) throw new TypeError('canonical JSON cannot hold a lone surrogate')
      return JSON.stringify(value)
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`canonical JSON cannot hold ${value}`)
      return JSON.stringify(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (value === null) return 'null'
      return Array.isArray(value)
        ? canonicalArray(value)
        : canonicalObject(value as { [key: string]: Json | undefined })
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

function canonicalObject(members: { readonly [key: string]: Json | undefined }): string {
  let text = ''
  // Default sort compares UTF-16 code units, which is the order RFC 8785 section 3.2.3 asks for.
  for (const key of Object.keys(members).sort()) {
    const member = members[key]
    if (member === undefined) continue
    text += `${text === '' ? '' : ','}${canonicalJson(key)}:${canonicalJson(member)}`
  }
  return `{${text}}`
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
