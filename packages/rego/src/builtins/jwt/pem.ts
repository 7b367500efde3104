/**
 * One PEM block, as Go's `pem.Decode` finds it.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7468#section-3
 */
export interface PemBlock {
  readonly type: string
  /** The block alone. */
  readonly text: string
  /** What follows the line of its end. */
  readonly rest: string
}

const BLOCK = /(?:^|\n)(-----BEGIN ([^\n-]*)-----[ \t\r]*\n[\s\S]*?-----END \2-----)[ \t\r]*(?:\n|$)/

export function decodePem(text: string): PemBlock | undefined {
  const match = BLOCK.exec(text)
  if (match === null) return undefined
  return { type: match[2] as string, text: match[1] as string, rest: text.slice(match.index + match[0].length) }
}
