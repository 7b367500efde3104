const ALPHABET = /^[A-Za-z0-9_-]*$/
// Of a last character that carries 2 or 4 bits, the rest must be zero, or one value would have several spellings.
const LAST_OF_TWO = 'AQgw'
const LAST_OF_THREE = 'AEIMQUYcgkosw048'

/**
 * Whether a text is base64url in the one form an encoder writes: no padding, no stray bits.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4648#section-3.5
 */
function isBase64Url(text: string): boolean {
  if (!ALPHABET.test(text)) return false
  const last = text.charAt(text.length - 1)
  switch (text.length % 4) {
    case 0:
      return true
    case 2:
      return LAST_OF_TWO.includes(last)
    case 3:
      return LAST_OF_THREE.includes(last)
    default:
      return false
  }
}

/** The bytes of a base64url text; undefined when it is not canonical. */
export function decodeBase64Url(text: string): Buffer | undefined {
  return isBase64Url(text) ? Buffer.from(text, 'base64url') : undefined
}
