import type { Body, Literal, Statement, Term, VarTerm, With } from './ast.js'
import { nameTerm, TermParser } from './parse-term.js'

/** Parses bodies: statements between braces, separated by line breaks or semicolons. */
export class BodyParser extends TermParser {
  /** `import future.keywords.not`: `not { … }`, and operands are evaluated inside the negation. */
  protected notBodies = false

  /** Statements up to a closing bracket, which stays. */
  protected body(end: string): Body {
    const literals: Literal[] = []
    if (this.is(end)) this.lexer.fail('found empty body', this.token.at)
    while (!this.is(end)) {
      literals.push(this.literal())
      if (this.accept(';')) continue
      if (this.is(end)) break
      if (!this.token.newline || this.atEnd()) this.unexpected(`expected \\n or ; or ${end}`)
    }
    return literals
  }

  /** Statements up to the end of the text, for queries. */
  protected statements(): Body {
    const literals: Literal[] = []
    while (!this.atEnd()) {
      literals.push(this.literal())
      if (this.accept(';')) continue
      if (!this.atEnd() && !this.token.newline) this.unexpected('expected \\n or ;')
    }
    return literals
  }

  protected literal(): Literal {
    const start = this.token.at
    const negated = this.is('not') && !this.isRefAhead()
    if (negated) this.next()
    if (negated && this.notBodies && this.is('{')) {
      this.next()
      const body = this.body('}')
      this.next()
      return { statement: { type: 'not', body }, negated: false, with: this.#withs(), at: this.spanFrom(start) }
    }
    const keyword = this.isRefAhead() ? undefined : this.token.kind === 'keyword' ? this.token.text : undefined
    if (negated && (keyword === 'some' || keyword === 'every')) this.unexpected(`illegal negation of '${keyword}'`)
    const statement = keyword === 'some' ? this.#some() : keyword === 'every' ? this.#every() : this.#expression()
    const withs = this.#withs()
    const at = this.spanFrom(start)
    if (negated && this.notBodies) {
      return {
        statement: { type: 'not', body: [{ statement, negated: false, with: [], at }] },
        negated: false,
        with: withs,
        at,
      }
    }
    return { statement, negated, with: withs, at }
  }

  #expression(): Statement {
    const start = this.token.at
    const left = this.term()
    if (!this.is('=') && !this.is(':=')) return { type: 'term', term: left }
    const operator = this.next().text
    const right = this.term()
    const callee = nameTerm(operator === '=' ? 'eq' : 'assign', start)
    return { type: 'term', term: { type: 'call', callee, args: [left, right], operator, at: this.spanFrom(start) } }
  }

  #withs(): With[] {
    const withs: With[] = []
    while (this.is('with') && !this.isRefAhead()) {
      const start = this.next().at
      if (this.token.kind !== 'ident') this.unexpected('expected ident')
      const target = this.primary()
      if (target.type !== 'var' && target.type !== 'ref') this.lexer.fail('expected with target path', target.at)
      this.expect('as', 'as keyword')
      withs.push({ target, value: this.term(), at: this.spanFrom(start) })
    }
    return withs
  }

  #some(): Statement {
    this.next()
    const restore = this.save()
    const first = this.term()
    if (first.type === 'call' && first.operator === 'in') {
      const [a, b, c] = first.args
      if (a && b && c) return { type: 'some-in', key: a, value: b, domain: c }
      if (a && b) return { type: 'some-in', value: a, domain: b }
    }
    if (first.type === 'call') this.lexer.fail('expected `x in xs` or `x, y in xs` expression', first.at)
    restore()
    const vars: VarTerm[] = []
    do {
      if (this.token.kind !== 'ident') this.unexpected('expected var')
      vars.push(this.variable())
    } while (this.accept(','))
    return { type: 'declare', vars }
  }

  #every(): Statement {
    this.next()
    const names: Term[] = []
    do {
      if (this.token.kind !== 'ident') this.unexpected('expected var')
      names.push(this.variable())
    } while (names.length < 2 && this.accept(','))
    this.expect('in', '`in`: write `every x in xs { … }`')
    const domain = this.term()
    if (!this.is('{')) this.unexpected('missing body: write `every x in xs { … }`')
    this.next()
    const body = this.body('}')
    this.next()
    const [first, second] = names as [Term, Term?]
    return second
      ? { type: 'every', key: first, value: second, domain, body }
      : { type: 'every', value: first, domain, body }
  }
}
