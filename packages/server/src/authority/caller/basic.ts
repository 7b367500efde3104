/** A client's id and secret, from an `Authorization: Basic` header. */
export interface BasicCredentials {
  readonly id: string
  readonly secret: string
}

const BASIC = /^Basic +([A-Za-z0-9+/]+={0,2})$/i

/**
 * Reads an `Authorization` header as HTTP Basic. Both parts were form-encoded before they were joined, which matters
 * to anything but plain letters.
 *
 * @returns undefined without a header, `malformed` for anything that is not Basic
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
 */
export function parseBasic(header: string | undefined): BasicCredentials | 'malformed' | undefined {
  if (header === undefined) return undefined
  const encoded = BASIC.exec(header)?.[1]
  if (encoded === undefined) return 'malformed'
  const joined = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = joined.indexOf(':')
  if (colon === -1) return 'malformed'
  const id = formDecode(joined.slice(0, colon))
  const secret = formDecode(joined.slice(colon + 1))
  return id === undefined || id === '' || secret === undefined ? 'malformed' : { id, secret }
}

function formDecode(text: string): string | undefined {
  if (!text.includes('%') && !text.includes('+')) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
