/**
 * The token of an `Authorization: Bearer` header; the scheme's case does not matter (RFC 9110 section 11.1).
 *
 * @see https://www.rfc-editor.org/rfc/rfc6750#section-2.1
 */
export function bearerOf(authorization: string | undefined): string | undefined {
  return /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
}
