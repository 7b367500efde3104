import { isUtf8 } from 'node:buffer'
import { decodeBase64Url } from './base64url.js'

/** The longest token that is read at all, in characters. */
export const MAX_TOKEN_LENGTH = 8 * 1024

/** A compact JWS taken apart, with nothing about it verified. */
export interface CompactJws {
  readonly alg: string
  readonly kid: string | undefined
  /** Lower case, without `application/`. */
  readonly typ: string | undefined
  readonly claims: Claims
  /** What the signature is over. */
  readonly signingInput: string
  readonly signature: Buffer
}

/** The members of a JWT's payload. */
export type Claims = { readonly [claim: string]: unknown }

const DEEPEST = 32

/**
 * Takes a signed JWT apart strictly: three canonical base64url parts, JSON objects in UTF-8, no critical extensions.
 * Claims that could not be stored or shown (NUL, lone surrogates, absurd nesting) make it malformed too.
 *
 * @returns undefined for anything that is not one
 * @see https://www.rfc-editor.org/rfc/rfc7515#section-5.2
 */
export function parseCompact(token: string): CompactJws | undefined {
  if (token.length > MAX_TOKEN_LENGTH) return undefined
  const firstDot = token.indexOf('.')
  const lastDot = token.lastIndexOf('.')
  if (firstDot <= 0 || token.indexOf('.', firstDot + 1) !== lastDot) return undefined
  const header = jsonObject(token.slice(0, firstDot))
  const claims = jsonObject(token.slice(firstDot + 1, lastDot))
  const signature = decodeBase64Url(token.slice(lastDot + 1))
  if (header === undefined || claims === undefined || signature === undefined) return undefined
  const { alg, kid, typ } = header
  if (typeof alg !== 'string' || Object.hasOwn(header, 'crit')) return undefined
  if (kid !== undefined && typeof kid !== 'string') return undefined
  if (typ !== undefined && typeof typ !== 'string') return undefined
  return {
    alg,
    kid,
    typ: typ?.toLowerCase().replace(/^application\//, ''),
    claims,
    signingInput: token.slice(0, lastDot),
    signature,
  }
}

function jsonObject(part: string): Claims | undefined {
  const bytes = decodeBase64Url(part)
  if (bytes === undefined || !isUtf8(bytes)) return undefined
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    return isKeepable(value, DEEPEST) ? (value as Claims) : undefined
  } catch {
    return undefined
  }
}

/** Whether a parsed JSON value can be stored as text, canonicalised, and walked without exhausting the stack. */
function isKeepable(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return isText(value)
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return true
  if (depth === 0) return false
  if (Array.isArray(value)) return value.every((item) => isKeepable(item, depth - 1))
  return Object.entries(value).every(([key, member]) => isText(key) && isKeepable(member, depth - 1))
}

const NOT_TEXT = /[\0\p{Surrogate}]/u

function isText(text: string): boolean {
  return !NOT_TEXT.test(text)
}
