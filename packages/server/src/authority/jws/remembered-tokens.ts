import { LruMap } from '../../store/lru-map.js'

const MOST_TOKENS = 20_000
/** Characters at the end of a token: of the signatures that are verified, the shortest has 86. */
const END = 32
/** How many ends of tokens that were shown once leave a trace, at most. A power of two. */
const TRACES = 32_768

/**
 * What was found when tokens were verified, for those presented last, at most 20,000 of them. A token is looked for by the end
 * of its signature, and is found when it is the same to the letter: looking for its hash took 2 % of a decision longer.
 *
 * It is remembered from the second time on. Most tokens are shown again and again or never again, and to keep those, each of
 * which had to be moved among what lives long, took 5 % of an exchange with every token new.
 *
 * @example
 * ```ts
 * const verified = new RememberedTokens<Claims>()
 * verified.set(token, claims)
 * verified.get(token) // undefined
 * verified.set(token, claims)
 * verified.get(token) // claims, until many others were remembered after them
 * ```
 */
export class RememberedTokens<T> {
  readonly #tokens = new LruMap<string, { readonly token: string; readonly found: T }>(MOST_TOKENS)
  // A number for a token that was shown. Where two share a place or a number, one is forgotten or remembered a time too early.
  readonly #traces = new Int32Array(TRACES)

  get(token: string): T | undefined {
    const remembered = this.#tokens.get(token.slice(-END))
    return remembered?.token === token ? remembered.found : undefined
  }

  /** Takes what was found of a token. Of two that end alike only the last is remembered. */
  set(token: string, found: T): void {
    if (!this.#leavesTrace(token)) return
    // A copy: a part of a text keeps all of it, which may be a form with its client's secret.
    const copy = Buffer.from(token, 'latin1').toString('latin1')
    this.#tokens.set(copy.slice(-END), { token: copy, found })
  }

  // Whether it had left one before.
  #leavesTrace(token: string): boolean {
    let hash = 1
    for (let at = Math.max(0, token.length - END); at < token.length; at++) {
      hash = (Math.imul(hash, 31) + token.charCodeAt(at)) | 0
    }
    const place = (hash ^ (hash >>> 15)) & (TRACES - 1)
    if (this.#traces[place] === hash) return true
    this.#traces[place] = hash
    return false
  }
}
