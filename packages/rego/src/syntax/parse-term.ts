import { parseNumber } from '../number.js'
import type { Body, CallTerm, Literal, Span, Term, VarTerm } from './ast.js'
import { Cursor } from './cursor.js'
import { ParseFailure } from './lexer.js'

const RELATIONS = new Map([
  ['==', 'equal'],
  ['!=', 'neq'],
  ['<', 'lt'],
  ['>', 'gt'],
  ['<=', 'lte'],
  ['>=', 'gte'],
])
/** Binary operators, loosest first. */
const LEVELS: readonly ReadonlyMap<string, string>[] = [
  RELATIONS,
  new Map([['|', 'or']]),
  new Map([['&', 'and']]),
  new Map([
    ['+', 'plus'],
    ['-', 'minus'],
  ]),
  new Map([
    ['*', 'mul'],
    ['/', 'div'],
    ['%', 'rem'],
  ]),
]
/** Numbers with larger exponents are refused, as OPA does. */
const MAX_EXPONENT = 30_103

/** Parses terms: everything that has a value. */
export abstract class TermParser extends Cursor {
  /** Offsets after which no comprehension body stands, so that nested `{a | {b | …` is not tried again and again. */
  readonly #noComprehension = new Map<number, ParseFailure>()

  protected abstract body(end: string): Body
  protected abstract literal(): Literal

  /** Any term, with `in`. Outside of lists `k, v in xs` has two left sides. `first` is its first part, when that was read already. */
  protected term(inList = false, first?: Term): Term {
    return this.nested(() => {
      const start = first?.at ?? this.token.at
      let left = this.#binary(0, first)
      if (!inList && this.is(',')) {
        const restore = this.save()
        this.next()
        const value = this.#attempt(() => this.#binary(0))
        if (value && this.is('in')) {
          this.next()
          left = this.#call('internal.member_3', [left, value, this.#binary(0)], 'in', start)
        } else {
          restore()
        }
      }
      while (this.is('in') && !this.#isRefAhead()) {
        this.next()
        left = this.#call('internal.member_2', [left, this.#binary(0)], 'in', start)
      }
      return left
    })
  }

  #attempt<R>(parse: () => R): R | undefined {
    try {
      return parse()
    } catch (error) {
      if (error instanceof ParseFailure) return undefined
      throw error
    }
  }

  #call(name: string, args: readonly Term[], operator: string, start: Span): CallTerm {
    return { type: 'call', callee: nameTerm(name, start), args, operator, at: this.spanFrom(start) }
  }

  #binary(level: number, first?: Term): Term {
    const operators = LEVELS[level]
    if (!operators) return first ?? this.primary()
    const start = first?.at ?? this.token.at
    let left = this.#binary(level + 1, first)
    for (;;) {
      const name = this.token.kind === 'punctuation' ? operators.get(this.token.text) : undefined
      if (name === undefined) return left
      const operator = this.next().text
      left = this.#call(name, [left, this.#binary(level + 1)], operator, start)
    }
  }

  /** A term without operators. */
  protected primary(): Term {
    return this.nested(() => this.#finish(this.#head()))
  }

  /** `.a`, `[x]` and `(args)` after a head, without white space between. */
  #finish(head: Term): Term {
    let term = head
    while (!this.token.spaced && (this.is('.') || this.is('[') || this.is('('))) {
      term = this.is('(') ? this.#arguments(term) : this.#access(term)
    }
    return term.type === 'var' && (term.name === 'input' || term.name === 'data')
      ? { type: 'ref', head: term, path: [], at: term.at }
      : term
  }

  #access(head: Term): Term {
    if (head.type === 'scalar' || head.type === 'template') {
      this.lexer.fail(
        `illegal ref (head cannot be ${head.type === 'scalar' ? scalarName(head.value) : 'template-string'})`,
        head.at,
      )
    }
    const path: Term[] = []
    while (!this.token.spaced && (this.is('.') || this.is('['))) path.push(this.#component())
    return { type: 'ref', head, path, at: this.spanFrom(head.at) }
  }

  #component(): Term {
    if (this.accept('.')) {
      if ((this.token.kind !== 'ident' && this.token.kind !== 'keyword') || this.token.spaced)
        this.unexpected('expected ident')
      const { text, at } = this.next()
      return { type: 'scalar', value: text, at }
    }
    this.next()
    const key = this.term()
    this.expect(']')
    return key
  }

  #arguments(callee: Term): Term {
    if (callee.type !== 'var' && callee.type !== 'ref') this.unexpected('only a name can be called')
    this.next()
    const args = this.list(')')
    if (callee.type === 'var' && callee.name === 'set' && args.length === 0) {
      return { type: 'set', items: [], at: this.spanFrom(callee.at) }
    }
    return { type: 'call', callee, args, at: this.spanFrom(callee.at) }
  }

  /** Terms up to a closing bracket, which is consumed. A trailing comma is allowed. `first` is the start of the first one. */
  protected list(end: string, first?: Term): Term[] {
    const items: Term[] = []
    let read = first
    while (read || !this.is(end)) {
      items.push(this.term(true, read))
      read = undefined
      if (!this.is(end) && !this.accept(',')) this.unexpected(`expected "," or "${end}"`)
    }
    this.next()
    return items
  }

  /** Keywords may begin a reference: `if.x`, `in["y"]`. */
  #isRefAhead(): boolean {
    if (this.token.kind !== 'keyword') return false
    const after = this.peek()
    return !after.spaced && after.kind === 'punctuation' && (after.text === '.' || after.text === '[')
  }

  protected isRefAhead(): boolean {
    return this.#isRefAhead()
  }

  #head(): Term {
    const { kind, text, at } = this.token
    switch (kind) {
      case 'number':
        return this.#number('')
      case 'string':
      case 'raw':
        this.next()
        return { type: 'scalar', value: text, at }
      case 'template':
        return this.#template()
      case 'ident':
        return this.variable()
      case 'keyword':
        if (text === 'contains' || this.#isRefAhead()) return this.variable()
        if (text === 'true' || text === 'false' || text === 'null') {
          this.next()
          return { type: 'scalar', value: text === 'null' ? null : text === 'true', at }
        }
        break
      case 'punctuation':
        if (text === '[') return this.#array()
        if (text === '{') return this.#braces()
        if (text === '(') return this.#group()
        if (text === '-') return this.#minus()
        if (text === '.') return this.#number('')
    }
    return this.unexpected()
  }

  protected variable(): VarTerm {
    const { text, at } = this.next()
    return { type: 'var', name: text === '_' ? this.wildcard() : text, at }
  }

  #group(): Term {
    const start = this.next().at
    const term = this.term()
    if (!this.is(')')) this.lexer.fail('non-terminated expression: expected `)`', this.token.at)
    this.next()
    return { ...term, at: this.spanFrom(start) }
  }

  #minus(): Term {
    const start = this.next().at
    if (this.token.kind === 'number' || this.is('.')) return this.#number('-', start)
    if (this.token.kind !== 'ident' && !this.is('contains')) this.unexpected('expected number')
    const operand = this.#finish(this.variable())
    const zero: Term = { type: 'scalar', value: 0, at: start }
    return this.#call('minus', [zero, operand], '-', start)
  }

  #number(sign: string, from?: Span): Term {
    const start = from ?? this.token.at
    const point = this.accept('.') ? '.' : ''
    if (this.token.kind !== 'number') this.unexpected('expected number')
    const { text, at } = this.token
    if (point === '' && /^0\d/.test(text)) this.lexer.fail('illegal number: expected number without leading zero', at)
    const exponent = /[eE]([+-]?\d+)$/.exec(text)?.[1]
    if (exponent !== undefined && Math.abs(Number(exponent)) > MAX_EXPONENT) this.lexer.fail('number too big', at)
    const value = parseNumber(`${sign}${point === '' ? '' : '0.'}${text}`)
    if (value === undefined) this.lexer.fail('invalid float', at)
    this.next()
    return { type: 'scalar', value, at: this.spanFrom(start) }
  }

  #template(): Term {
    const start = this.token.at
    const parts: (string | Literal)[] = []
    for (;;) {
      const { text, template } = this.token
      if (text !== '') parts.push(text)
      if (template?.last !== false) break
      this.next()
      const literal = this.literal()
      const refused = refusedInTemplate(literal)
      if (refused) this.lexer.fail(`unexpected ${refused} in template-string expression`, literal.at)
      parts.push(literal)
      if (!this.is('}')) this.unexpected('expected } to end template string expression')
      this.nextTemplate(template.raw)
    }
    this.next()
    return { type: 'template', parts, at: this.spanFrom(start) }
  }

  /** `| body end` after a term; undefined when what follows is the operator `|` instead. */
  #comprehension(end: string): Body | undefined {
    if (!this.is('|')) return undefined
    const offset = this.token.at.start
    if (this.#noComprehension.has(offset)) return undefined
    const restore = this.save()
    this.next()
    try {
      const body = this.body(end)
      this.next()
      return body
    } catch (error) {
      if (!(error instanceof ParseFailure)) throw error
      this.#noComprehension.set(offset, error)
      restore()
      return undefined
    }
  }

  /** Parses what is no comprehension after all; when that fails too, the comprehension's own error says more. */
  #otherwise<R>(offset: number, parse: () => R): R {
    try {
      return parse()
    } catch (error) {
      throw this.#noComprehension.get(offset) ?? error
    }
  }

  #array(): Term {
    const start = this.next().at
    if (this.accept(']')) return { type: 'array', items: [], at: this.spanFrom(start) }
    // A leading comma is allowed, as in OPA.
    if (this.accept(',')) return { type: 'array', items: this.list(']'), at: this.spanFrom(start) }
    const value = this.primary()
    const bar = this.token.at.start
    const body = this.#comprehension(']')
    if (body) return { type: 'comprehension', kind: 'array', value, body, at: this.spanFrom(start) }
    const items = this.#otherwise(bar, () => this.list(']', value))
    return { type: 'array', items, at: this.spanFrom(start) }
  }

  #braces(): Term {
    const start = this.next().at
    if (this.accept('}')) return { type: 'object', entries: [], at: this.spanFrom(start) }
    const first = this.primary()
    const bar = this.token.at.start
    const body = this.#comprehension('}')
    if (body) return { type: 'comprehension', kind: 'set', value: first, body, at: this.spanFrom(start) }
    return this.#otherwise(bar, () => {
      const key = this.term(true, first)
      if (this.is(':')) return this.#object(key, start)
      if (this.accept('}')) return { type: 'set', items: [key], at: this.spanFrom(start) }
      if (!this.accept(',')) this.unexpected('expected "," or "}"')
      const items = [key, ...this.list('}')]
      return { type: 'set', items, at: this.spanFrom(start) }
    })
  }

  #object(key: Term, start: Span): Term {
    this.expect(':')
    const first = this.primary()
    const bar = this.token.at.start
    const body = this.#comprehension('}')
    if (body) return { type: 'comprehension', kind: 'object', key, value: first, body, at: this.spanFrom(start) }
    return this.#otherwise(bar, () => {
      const entries: [Term, Term][] = [[key, this.term(true, first)]]
      while (!this.is('}')) {
        if (!this.accept(',')) this.unexpected('expected "," or "}"')
        if (this.is('}')) break
        const name = this.term(true)
        this.expect(':')
        entries.push([name, this.term(true)])
      }
      this.next()
      return { type: 'object', entries, at: this.spanFrom(start) }
    })
  }
}

/** The term that names a built-in such as `internal.member_2`. */
export function nameTerm(name: string, at: Span): Term {
  const [head, ...path] = name.split('.')
  const variable: VarTerm = { type: 'var', name: head ?? '', at }
  if (path.length === 0) return variable
  return { type: 'ref', head: variable, path: path.map((value) => ({ type: 'scalar', value, at })), at }
}

function scalarName(value: unknown): string {
  return value === null ? 'null' : typeof value === 'bigint' ? 'number' : typeof value
}

function refusedInTemplate({ statement, negated }: Literal): string | undefined {
  if (negated) return "negation ('not')"
  if (statement.type === 'every') return "'every'"
  if (statement.type === 'declare' || statement.type === 'some-in') return "'some'"
  if (statement.type !== 'term') return "negation ('not')"
  const operator = statement.term.type === 'call' ? statement.term.operator : undefined
  if (operator === '=') return "unification ('=')"
  return operator === ':=' ? "assignment (':=')" : undefined
}
