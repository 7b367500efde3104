import { LruMap } from '../../store/lru-map.js'

const MOST_TOKENS = 20_000
/** Characters at the end of a token: of the signatures that are verified, the shortest has 86. */
const END = 32

/**
 * What was found when tokens were verified, for those presented last, at most 20,000 of them. A token is looked for by the end
 * of its signature, and is found when it is the same to the letter: looking for its hash took 2 % of a decision longer.
 *
 * @example
 * ```ts
 * const verified = new RememberedTokens<Claims>()
 * verified.set(token, claims)
 * verified.get(token) // claims, until many others were remembered after them
 * ```
 */
export class RememberedTokens<T> {
  readonly #tokens = new LruMap<string, { readonly token: string; readonly found: T }>(MOST_TOKENS)

  get(token: string): T | undefined {
    const remembered = this.#tokens.get(token.slice(-END))
    return remembered?.token === token ? remembered.found : undefined
  }

  /** Of two tokens that end alike only the last is remembered. */
  set(token: string, found: T): void {
    // A copy: a part of a text keeps all of it, which may be a form with its client's secret.
    const copy = Buffer.from(token, 'latin1').toString('latin1')
    this.#tokens.set(copy.slice(-END), { token: copy, found })
  }
}
