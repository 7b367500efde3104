import type { Span } from './ast.js'
import { Lexer, type Token } from './lexer.js'

/** Terms nested deeper than this are refused, so that no source text can exhaust the stack. */
const MAX_DEPTH = 500

/** A place in the token stream, with one token in view. */
export class Cursor {
  protected readonly lexer: Lexer
  protected token: Token
  /** Where the last consumed token ended. */
  protected lastEnd = 0
  #depth = 0
  #wildcards = 0

  constructor(source: string, file: string) {
    this.lexer = new Lexer(source, file)
    this.token = this.lexer.token(0)
  }

  protected next(): Token {
    const token = this.token
    this.lastEnd = token.at.end
    this.token = this.lexer.token(token.at.end)
    return token
  }

  /** After the `}` of an expression in a template string: its text goes on. */
  protected nextTemplate(raw: boolean): void {
    this.lastEnd = this.token.at.end
    this.token = this.lexer.template(this.token.at.end, raw)
  }

  protected save(): () => void {
    const { token, lastEnd } = this
    return () => {
      this.token = token
      this.lastEnd = lastEnd
    }
  }

  protected peek(): Token {
    return this.lexer.token(this.token.at.end)
  }

  protected atEnd(): boolean {
    return this.token.kind === 'end'
  }

  protected is(text: string): boolean {
    return this.token.text === text && (this.token.kind === 'punctuation' || this.token.kind === 'keyword')
  }

  protected accept(text: string): boolean {
    if (!this.is(text)) return false
    this.next()
    return true
  }

  protected expect(text: string, what = `\`${text}\``): void {
    if (!this.accept(text)) this.unexpected(`expected ${what}`)
  }

  /** From a start to the last consumed token. */
  protected spanFrom(start: Span): Span {
    return { ...start, end: this.lastEnd }
  }

  protected unexpected(hint?: string): never {
    const { kind, text, at } = this.token
    const what = kind === 'end' ? 'eof token' : kind === 'keyword' ? `${text} keyword` : `${name(this.token)} token`
    return this.lexer.fail(`unexpected ${what}${hint ? `: ${hint}` : ''}`, at)
  }

  protected wildcard(): string {
    return `$${this.#wildcards++}`
  }

  protected nested<R>(parse: () => R): R {
    if (++this.#depth > MAX_DEPTH) this.lexer.fail('max recursion depth exceeded', this.token.at)
    try {
      return parse()
    } finally {
      this.#depth--
    }
  }
}

function name(token: Token): string {
  if (token.kind === 'raw') return 'string'
  return token.kind === 'punctuation'
    ? `\`${token.text}\``
    : token.kind === 'ident'
      ? `identifier \`${token.text}\``
      : token.kind
}
