/**
 * Whether two patterns of characters, `.`, `[sets]`, `*` and `+` match a text in common: `regex.globs_match`. This follows the search of
 * OPA, which differs from the theory at the ends (`ab*` and `a` have nothing in common here), with results kept so that it stays
 * polynomial.
 *
 * @see https://github.com/yashtewari/glob-intersection
 */
import { BuiltinError } from '../../builtins-api.js'

type Flag = '' | '+' | '*'
interface Token {
  readonly type: 'character' | 'any' | 'set'
  /** The characters of a set, or the one. */
  readonly characters: ReadonlySet<string>
  readonly flag: Flag
}

const NONE: ReadonlySet<string> = new Set()
/** The most characters that ranges in one pattern may name. */
const MAX_CHARACTERS = 1_200_000

class Tokenizer {
  readonly #input: readonly string[]
  #at = 0

  constructor(readonly text: string) {
    this.#input = [...text]
  }

  tokens(): Token[] {
    const tokens: Token[] = []
    while (this.#at < this.#input.length) tokens.push(this.#token())
    return simplify(tokens)
  }

  #fail(position: number, message: string): never {
    throw new BuiltinError(`input:${this.text}, pos:${position}, ${message}: the input provided is invalid`)
  }

  /** The next character and whether a backslash stands before it. */
  #next(): readonly [character: string, escaped: boolean] | undefined {
    const character = this.#input[this.#at]
    if (character === undefined) return undefined
    if (character !== '\\') {
      this.#at += 1
      return [character, false]
    }
    const escaped = this.#input[this.#at + 1]
    if (escaped === undefined) this.#fail(this.#at, 'input ends with a \\ (escape) character')
    this.#at += 2
    return [escaped, true]
  }

  #token(): Token {
    const [character, escaped] = this.#next() as readonly [string, boolean]
    if (escaped) return { type: 'character', characters: new Set([character]), flag: this.#flag() }
    if (character === '.') return { type: 'any', characters: NONE, flag: this.#flag() }
    if (character === '[') return { type: 'set', characters: this.#set(), flag: this.#flag() }
    if (character === ']') this.#fail(this.#at, "set-close ']' with no preceding '['")
    if (character === '+' || character === '*')
      this.#fail(this.#at, `flag '${character}' must be preceded by a non-flag`)
    return { type: 'character', characters: new Set([character]), flag: this.#flag() }
  }

  #flag(): Flag {
    const character = this.#input[this.#at]
    if (character !== '+' && character !== '*') return ''
    this.#at += 1
    return character
  }

  #set(): ReadonlySet<string> {
    const characters = new Set<string>()
    let previous: string | undefined
    for (let found = this.#next(); found !== undefined; found = this.#next()) {
      const [character, escaped] = found
      if (!escaped && character === ']') return characters
      if (!escaped && character === '-') {
        this.#range(previous, characters)
        previous = undefined
      } else {
        characters.add(character)
        previous = character
      }
    }
    return this.#fail(this.#at, 'found [ without matching ]')
  }

  #range(from: string | undefined, characters: Set<string>): void {
    if (from === undefined) this.#fail(this.#at, "range character '-' must be preceded by a Unicode character")
    if (this.#at >= this.#input.length - 1) {
      this.#fail(this.#at, "range character '-' must be followed by a Unicode character")
    }
    const [to, escaped] = this.#next() as readonly [string, boolean]
    if (!escaped && (to === ']' || to === '-')) {
      this.#fail(this.#at, "range character '-' cannot be followed by a special symbol")
    }
    const first = from.codePointAt(0) as number
    const last = to.codePointAt(0) as number
    if (last < first) this.#fail(this.#at, `range is out of order: '${to}' comes before '${from}' in Unicode`)
    for (let code = first; code <= last; code++) characters.add(String.fromCodePoint(code))
    if (characters.size > MAX_CHARACTERS) throw new BuiltinError('pattern is too large')
  }
}

/** Repetitions of one token side by side are one. */
function simplify(tokens: readonly Token[]): Token[] {
  const simple: Token[] = []
  for (const token of tokens) {
    const latest = simple.at(-1)
    if (latest !== undefined && latest.flag !== '' && token.flag !== '' && same(latest, token)) {
      simple[simple.length - 1] = { ...latest, flag: latest.flag === '+' || token.flag === '+' ? '+' : '*' }
    } else {
      simple.push(token)
    }
  }
  return simple
}

function same(a: Token, b: Token): boolean {
  if (a.type !== b.type || a.characters.size !== b.characters.size) return false
  for (const character of a.characters) if (!b.characters.has(character)) return false
  return true
}

function overlap(a: Token, b: Token): boolean {
  if (a.type === 'any' || b.type === 'any') return true
  const [small, large] = a.characters.size <= b.characters.size ? [a, b] : [b, a]
  for (const character of small.characters) if (large.characters.has(character)) return true
  return false
}

class Search {
  readonly #known = new Map<string, boolean>()

  constructor(
    readonly charge: (steps: number) => void,
    readonly globs: readonly [readonly Token[], readonly Token[]],
  ) {}

  /** The results for two rests, of which `side` says whose is the first. */
  #remember(kind: string, side: 0 | 1, i: number, j: number, compute: () => boolean): boolean {
    const key = `${kind}${side} ${i} ${j}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    this.charge(1)
    const result = compute()
    this.#known.set(key, result)
    return result
  }

  #at(side: 0 | 1, index: number): Token | undefined {
    return this.globs[side][index]
  }

  /** Both rests token by token, up to one that repeats. */
  normal(side: 0 | 1, i: number, j: number): boolean {
    const other = side === 0 ? 1 : 0
    return this.#remember('n', side, i, j, () => {
      let a = i
      let b = j
      for (;;) {
        const left = this.#at(side, a)
        const right = this.#at(other, b)
        if (left === undefined || right === undefined) return left === undefined && right === undefined
        if (left.flag !== '') return this.#repeated(side, a, b)
        if (right.flag !== '') return this.#repeated(other, b, a)
        if (!overlap(left, right)) return false
        a += 1
        b += 1
      }
    })
  }

  #repeated(side: 0 | 1, i: number, j: number): boolean {
    return this.#at(side, i)?.flag === '+' ? this.#plus(side, i, j) : this.#star(side, i, j)
  }

  #plus(side: 0 | 1, i: number, j: number): boolean {
    const other = side === 0 ? 1 : 0
    const repeated = this.#at(side, i) as Token
    const first = this.#at(other, j) as Token
    if (!overlap(repeated, first)) return false
    if (this.#star(side, i, j + 1)) return true
    return first.flag !== '' && this.normal(side, i + 1, j)
  }

  #star(side: 0 | 1, i: number, j: number): boolean {
    return this.#remember('s', side, i, j, () => {
      const other = side === 0 ? 1 : 0
      const repeated = this.#at(side, i) as Token
      const next = this.#at(side, i + 1)
      for (let at = j; at < this.globs[other].length; at++) {
        const token = this.#at(other, at) as Token
        if (next !== undefined && overlap(token, next) && this.normal(side, i + 1, at)) return true
        if (!overlap(token, repeated)) return false
      }
      return next === undefined
    })
  }
}

/** @param charge called for each pair of places that is looked at */
export function intersects(one: string, other: string, charge: (steps: number) => void): boolean {
  const a = new Tokenizer(one).tokens()
  const b = new Tokenizer(other).tokens()
  charge((a.length + b.length) >> 2)
  const trimmed = trim(a, b)
  return trimmed !== undefined && new Search(charge, trimmed).normal(0, 0, 0)
}

/** Cuts what matches one to one off both ends, but for one token each; undefined when something there does not match. */
function trim(a: readonly Token[], b: readonly Token[]): readonly [readonly Token[], readonly Token[]] | undefined {
  let left = 0
  for (; a[left]?.flag === '' && b[left]?.flag === ''; left++) {
    if (!overlap(a[left] as Token, b[left] as Token)) return undefined
  }
  if (left > 0) left -= 1
  let i = a.length - 1
  let j = b.length - 1
  for (; i >= left && j >= left && a[i]?.flag === '' && b[j]?.flag === ''; i--, j--) {
    if (!overlap(a[i] as Token, b[j] as Token)) return undefined
  }
  if (i < a.length - 1) {
    i += 1
    j += 1
  }
  return [a.slice(left, i + 1), b.slice(left, j + 1)]
}
