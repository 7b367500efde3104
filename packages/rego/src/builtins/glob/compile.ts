/**
 * Globs as regular expressions of RE2, so that matching stays linear: `*` and `?` within separators, `**` across them, `[classes]` and
 * `{alternatives,}`.
 *
 * @see https://github.com/gobwas/glob#syntax
 */
import { BuiltinError } from '../../builtins-api.js'
import { compilePattern, type Pattern, quoteMeta } from '../regex/pattern.js'

const MAX_CACHED = 500
const cache = new Map<string, Pattern>()

/** @throws BuiltinError ``glob: syntax error at 4: unclosed `{` `` */
export function compileGlob(glob: string, separators: readonly string[]): Pattern {
  const key = `${separators.join('')}\u0000${glob}`
  const known = cache.get(key)
  if (known !== undefined) return known
  const compiled = compilePattern(`\\A(?:${new GlobParser(glob, separators).pattern()})\\z`)
  if (cache.size >= MAX_CACHED) cache.delete(cache.keys().next().value as string)
  cache.set(key, compiled)
  return compiled
}

const ANY = '(?s:.)'

class GlobParser {
  readonly #input: readonly string[]
  readonly #single: string
  #at = 0
  #depth = 0

  constructor(glob: string, separators: readonly string[]) {
    this.#input = [...glob]
    this.#single = separators.length === 0 ? ANY : `[^${separators.map(classCharacter).join('')}]`
  }

  pattern(): string {
    let out = ''
    while (this.#at < this.#input.length) out += this.#term()
    if (this.#depth > 0) this.#fail('unclosed `{`')
    return out
  }

  #fail(reason: string): never {
    const offset = new TextEncoder().encode(this.#input.slice(0, this.#at).join('')).length
    throw new BuiltinError(`glob: syntax error at ${offset}: ${reason}`)
  }

  #term(): string {
    const character = this.#input[this.#at] as string
    this.#at += 1
    switch (character) {
      case '*':
        if (this.#input[this.#at] !== '*') return `${this.#single}*`
        this.#at += 1
        return `${ANY}*`
      case '?':
        return this.#single
      case '[':
        return this.#class()
      case '{':
        this.#depth += 1
        return '(?:'
      case '}':
        if (this.#depth === 0) return quoteMeta(character)
        this.#depth -= 1
        return ')'
      case ',':
        return this.#depth > 0 ? '|' : ','
      case '\\':
        return quoteMeta(this.#escaped())
      default:
        return quoteMeta(character)
    }
  }

  #escaped(): string {
    const character = this.#input[this.#at]
    if (character === undefined) this.#fail('trailing backslash')
    this.#at += 1
    return character
  }

  #read(): string {
    const character = this.#input[this.#at]
    if (character === undefined) this.#fail('unexpected end of input')
    this.#at += 1
    return character
  }

  /** A range of two characters, or a list; either negated by `!` at its head. */
  #class(): string {
    let not = ''
    if (this.#input[this.#at] === '!') {
      not = '^'
      this.#at += 1
    }
    const first = this.#read()
    if (this.#input[this.#at] === '-') {
      this.#at += 1
      const last = this.#read()
      if (this.#read() !== ']') this.#fail('expected close range character')
      if ((last.codePointAt(0) as number) < (first.codePointAt(0) as number)) {
        this.#fail('range hi character is less than lo')
      }
      return `[${not}${classCharacter(first)}-${classCharacter(last)}]`
    }
    this.#at -= 1
    let characters = ''
    while (this.#input[this.#at] !== ']') {
      const character = this.#read()
      characters += classCharacter(character === '\\' ? this.#escaped() : character)
    }
    this.#at += 1
    if (characters === '') this.#fail('could not parse range')
    return `[${not}${characters}]`
  }
}

/** A character inside brackets, by its number. */
function classCharacter(character: string): string {
  return `\\x{${(character.codePointAt(0) as number).toString(16)}}`
}
