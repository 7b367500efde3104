import type { Comment, Span } from './ast.js'

export type TokenKind =
  | 'ident'
  | 'keyword'
  | 'number'
  | 'string'
  | 'raw'
  /** Text of a template string up to its `{` or its end. */
  | 'template'
  | 'punctuation'
  | 'end'

export interface Token {
  readonly kind: TokenKind
  /** The token's source text; for strings and templates the value. */
  readonly text: string
  readonly at: Span
  /** White space or a comment before it: `x [0]` is not `x[0]`. */
  readonly spaced: boolean
  /** A line break before it. */
  readonly newline: boolean
  /** Of a template text: it is the last, and whether it is written in backticks. */
  readonly template?: { readonly last: boolean; readonly raw: boolean }
}

/** The words that Rego v1 keeps for itself. */
export const KEYWORDS: ReadonlySet<string> = new Set(
  'as contains default else every false if import in package not null some true with'.split(' '),
)

/**
 * Source text that does not parse. Not an `Error`: the parser tries one reading, then another, and a stack trace for each
 * failure would cost more than the parsing.
 */
export class ParseFailure {
  constructor(
    readonly message: string,
    readonly at: Span,
  ) {}
}

const OPERATORS = [':=', '==', '!=', '<=', '>=', ...'=<>+-*/%&|()[]{},.:;']
const IDENT = /[A-Za-z_][A-Za-z0-9_]*/y
const NUMBER = /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const SPACE = /[ \t\r\n]+/y

/** Turns source text into tokens, one at a time, since template strings need the parser to say where an expression ends. */
export class Lexer {
  readonly comments: Comment[] = []
  readonly #lines: number[] = [0]

  constructor(
    readonly source: string,
    readonly file: string,
  ) {
    for (let at = source.indexOf('\n'); at >= 0; at = source.indexOf('\n', at + 1)) this.#lines.push(at + 1)
  }

  span(start: number, end: number): Span {
    let low = 0
    let high = this.#lines.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#lines[middle] ?? 0) <= start) low = middle
      else high = middle - 1
    }
    return { file: this.file, line: low + 1, column: start - (this.#lines[low] ?? 0) + 1, start, end }
  }

  fail(message: string, at: Span): never {
    throw new ParseFailure(message, at)
  }

  /** The token that starts at or after an offset. */
  token(offset: number): Token {
    // A byte order mark that an editor left is no part of the policy.
    let at = offset === 0 && this.source.startsWith('\ufeff') ? 1 : offset
    let newline = false
    for (;;) {
      const space = this.#match(SPACE, at)
      if (space) {
        newline ||= space.includes('\n')
        at += space.length
      } else if (this.source[at] === '#') {
        const end = this.#lineEnd(at)
        const last = this.comments.at(-1)
        if (!last || last.at.start < at) {
          this.comments.push({ text: this.source.slice(at + 1, end).replace(/\r$/, ''), at: this.span(at, end) })
        }
        at = end
      } else {
        break
      }
    }
    const make = (kind: TokenKind, length: number, text = this.source.slice(at, at + length)): Token => {
      return { kind, text, at: this.span(at, at + length), spaced: at > offset, newline }
    }
    const character = this.source[at]
    if (character === undefined) return make('end', 0, 'end of file')
    const ident = this.#match(IDENT, at)
    if (ident) return make(KEYWORDS.has(ident) ? 'keyword' : 'ident', ident.length)
    const number = this.#match(NUMBER, at)
    if (number) {
      const next = this.#match(IDENT, at + number.length)
      if (next) this.fail(`illegal number format: ${number}${next}`, this.span(at, at + number.length))
      return make('number', number.length)
    }
    if (character === '"') {
      const end = this.#stringEnd(at + 1, '"', at)
      const text = this.#unescape(this.source.slice(at + 1, end), at)
      return make('string', end + 1 - at, text)
    }
    if (character === '`') {
      const end = this.source.indexOf('`', at + 1)
      if (end < 0) this.fail('non-terminated string', this.span(at, at + 1))
      return make('raw', end + 1 - at, this.source.slice(at + 1, end))
    }
    if (character === '$' && (this.source[at + 1] === '"' || this.source[at + 1] === '`')) {
      const part = this.template(at + 2, this.source[at + 1] === '`')
      return { ...part, at: this.span(at, part.at.end), spaced: at > offset, newline }
    }
    const operator = OPERATORS.find((text) => this.source.startsWith(text, at))
    if (operator) return make('punctuation', operator.length)
    const code = this.source.codePointAt(at) ?? 0
    return this.fail(
      `illegal token: unexpected character ${JSON.stringify(String.fromCodePoint(code))}`,
      this.span(at, at + 1),
    )
  }

  /** The text of a template string from an offset to the next `{` or the end. */
  template(offset: number, raw: boolean): Token {
    const quote = raw ? '`' : '"'
    let text = ''
    let at = offset
    for (; ; at++) {
      const character = this.source[at]
      if (character === undefined || (character === '\n' && !raw)) {
        this.fail('non-terminated string', this.span(offset, offset + 1))
      }
      if (character === quote || character === '{') break
      if (character === '\\' && this.source[at + 1] === '{') {
        text += raw ? '{' : '\\u007b'
        at++
      } else if (character === '\\' && !raw) {
        text += character + (this.source[at + 1] ?? '')
        at++
      } else {
        text += character
      }
    }
    return {
      kind: 'template',
      text: raw ? text : this.#unescape(text, offset),
      at: this.span(offset, at + 1),
      spaced: false,
      newline: false,
      template: { last: this.source[at] === quote, raw },
    }
  }

  #match(pattern: RegExp, at: number): string | undefined {
    pattern.lastIndex = at
    return pattern.exec(this.source)?.[0]
  }

  #lineEnd(at: number): number {
    const end = this.source.indexOf('\n', at)
    return end < 0 ? this.source.length : end
  }

  #stringEnd(from: number, quote: string, start: number): number {
    for (let at = from; at < this.source.length; at++) {
      const character = this.source[at]
      if (character === quote) return at
      if (character === '\\') at++
      else if (character === '\n') break
    }
    return this.fail('non-terminated string', this.span(start, start + 1))
  }

  #unescape(inner: string, start: number): string {
    if (!inner.includes('\\') && !/\t/.test(inner)) return inner
    try {
      return JSON.parse(`"${inner.replaceAll('\t', '\\t')}"`) as string
    } catch {
      const wrong = /\\(?!["\\/bfnrtu])./.exec(inner)
      const hint = wrong
        ? `: ${wrong[0]} is no escape sequence; write \\\\ for a backslash, or use a raw string in backticks`
        : ''
      return this.fail(`illegal string escape sequence${hint}`, this.span(start, start + 1))
    }
  }
}
