import { CountersignError } from '../errors.js'
import { isObject } from '../json.js'
import { ascii, fromBase64url, utf8 } from './base64url.js'
import { readClaims, type TokenClaims } from './claims.js'
import { type KeySource, remoteKeys } from './key-source.js'
import {
  type Algorithm,
  hasFittingLength,
  isAlgorithm,
  type SignatureVerifier,
  webCryptoVerifier,
} from './signature.js'
import { TokenError } from './token-error.js'

/** What a token must be to be accepted. */
export interface VerifyTokenOptions {
  /** The one issuer, compared as text. */
  readonly issuer: string
  /** The token must be for this audience, or for one of these. */
  readonly audience: string | readonly string[]
  /** Default: what the issuer publishes at `{issuer}/.well-known/jwks.json`, remembered across calls. */
  readonly keys?: KeySource | undefined
  /** Default `['ES256']`. */
  readonly algorithms?: readonly Algorithm[] | undefined
  /** The header's `typ`. Default `at+jwt` (RFC 9068). */
  readonly type?: string | undefined
  /** How far the issuer's clock may differ, in seconds. Default 5. */
  readonly clockTolerance?: number | undefined
  /** The current time in milliseconds since the epoch. */
  readonly now?: (() => number) | undefined
  /** Checks the signature. Default: WebCrypto. */
  readonly verifier?: SignatureVerifier | undefined
}

// Twice what the service itself takes; parsing more than this is work for nothing.
const LONGEST_TOKEN = 16_384

/**
 * Verifies a signed token and answers its claims. Issuer, audience, life, algorithm and type are always checked.
 *
 * @example
 * ```ts
 * const claims = await verifyToken(token, {
 *   issuer: 'https://sts.example/zones/zone-id',
 *   audience: 'https://bank.example/transfers',
 * })
 * ```
 * @throws TokenError saying what is wrong with the token.
 * @see https://www.rfc-editor.org/rfc/rfc9068#section-4
 * @see https://www.rfc-editor.org/rfc/rfc8725
 */
export async function verifyToken(token: string, options: VerifyTokenOptions): Promise<TokenClaims> {
  const { issuer, algorithms = ['ES256'], type = 'at+jwt' } = options
  const audiences = typeof options.audience === 'string' ? [options.audience] : options.audience
  if (!issuer || !audiences?.length || audiences.some((one) => !one) || !type) {
    throw new CountersignError('invalid_option', 'verifyToken needs an issuer, an audience and a type.')
  }
  const { header, payload, data, signature } = split(token)
  const { alg, kid, typ } = header
  if (!isAlgorithm(alg) || !algorithms.includes(alg)) {
    throw new TokenError('algorithm', 'The token is signed with an algorithm that is not accepted.')
  }
  if (header.crit !== undefined || header.b64 !== undefined || (kid !== undefined && typeof kid !== 'string')) {
    throw new TokenError('malformed', 'The token header asks for what is not understood.')
  }
  if (mediaType(typ) !== mediaType(type)) throw new TokenError('type', `The token is not of type ${type}.`)
  const claims = readClaims(payload)
  if (!claims) throw new TokenError('malformed', 'A claim is missing or of the wrong type.')
  // Before the signature, so that a stranger's token costs neither a fetch nor a verification.
  if (claims.iss !== issuer) throw new TokenError('issuer', 'The token comes from another issuer.')
  const intended = typeof claims.aud === 'string' ? [claims.aud] : claims.aud
  if (!intended.some((one) => audiences.includes(one))) {
    throw new TokenError('audience', 'The token is for another audience.')
  }
  checkLife(claims, (options.now ?? Date.now)() / 1000, options.clockTolerance ?? 5)
  const keys = await (options.keys ?? publishedBy(issuer))({ kid, algorithm: alg })
  if (keys.length === 0) throw new TokenError('key_unknown', 'The issuer has no such key.')
  if (hasFittingLength(signature, alg)) {
    for (const key of keys) {
      if ((await (options.verifier ?? webCryptoVerifier)({ algorithm: alg, key, data, signature })) === true)
        return claims
    }
  }
  throw new TokenError('signature', 'The signature does not fit.')
}

function split(token: string): {
  header: Record<string, unknown>
  payload: unknown
  data: Uint8Array<ArrayBuffer>
  signature: Uint8Array<ArrayBuffer>
} {
  const [head = '', body = '', tail = '', ...more] = typeof token === 'string' ? token.split('.', 4) : []
  const signature = fromBase64url(tail)
  if (more.length === 0 && tail !== '' && signature && token.length <= LONGEST_TOKEN) {
    const header = parse(head)
    if (isObject(header)) return { header, payload: parse(body), data: ascii(`${head}.${body}`), signature }
  }
  throw new TokenError('malformed', 'This is not a signed JWT.')
}

function parse(part: string): unknown {
  const bytes = fromBase64url(part)
  const text = bytes && utf8(bytes)
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

// `typ` is compared without case and with "application/" left out (RFC 7515 section 4.1.9).
function mediaType(typ: unknown): string | undefined {
  return typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : undefined
}

function checkLife(claims: TokenClaims, now: number, tolerance: number): void {
  if (!(claims.exp > now - tolerance)) throw new TokenError('expired', 'The token has expired.')
  if (Math.max(claims.nbf ?? 0, claims.iat ?? 0) > now + tolerance) {
    throw new TokenError('not_yet_valid', 'The token is not valid yet.')
  }
}

const published = new Map<string, KeySource>()

// Issuers here come from the caller's settings, not from tokens, so they are few.
function publishedBy(issuer: string): KeySource {
  const known = published.get(issuer)
  if (known) return known
  const source = remoteKeys(`${issuer.replace(/\/+$/, '')}/.well-known/jwks.json`)
  published.set(issuer, source)
  return source
}
