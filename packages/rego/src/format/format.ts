import { NOWHERE, RegoError } from '../errors.js'
import type { Body, Else, Head, Import, Literal, Module, Rule, Span, Statement, Term, With } from '../syntax/ast.js'
import { parseModule } from '../syntax/parse.js'
import { Writer } from './writer.js'

/**
 * A module in the usual layout: tabs, one statement a line, single spaces; comments and single blank lines stay. Collections
 * that were written over several lines get a line for each element.
 *
 * @throws RegoError `rego_parse_error`
 * @example format('package a\nallow   if {input.x==1}') // 'package a\n\nallow if {\n\tinput.x == 1\n}\n'
 */
export function format(source: string, file = ''): string {
  const module = parseModule(source, file)
  const text = new Formatter(module).module()
  // What is written must mean what was read; anything else is a defect here, and must never reach the author's file.
  if (meaning(parseModule(text, file)) !== meaning(module)) {
    throw RegoError.at('eval_internal_error', 'formatting would change what the policy means', { ...NOWHERE, file })
  }
  return text
}

/** The tree without places and without the names of wildcards. */
function meaning(module: Module): string {
  const { package: own, imports, rules, comments } = module
  const words = comments.flatMap(({ text }) => text.trim().split(/\s+/)).sort()
  return JSON.stringify([own.path, [...imports].map(importText).sort(), rules, words], (key, value) => {
    if (key === 'at') return undefined
    if (typeof value === 'bigint') return String(value)
    return key === 'name' && typeof value === 'string' && value.startsWith('$') ? '_' : value
  })
}

function importText({ path, alias }: Import): string {
  const [first = '', ...rest] = path
  const text = rest.reduce((before, part) => before + (isName(part) ? `.${part}` : `[${JSON.stringify(part)}]`), first)
  return alias === undefined ? `import ${text}` : `import ${text} as ${alias}`
}

function isName(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(text)
}

const PRECEDENCE = new Map([
  ['in', 0],
  ...['==', '!=', '<', '>', '<=', '>='].map((operator) => [operator, 1] as const),
  ['|', 2],
  ['&', 3],
  ['+', 4],
  ['-', 4],
  ['*', 5],
  ['/', 5],
  ['%', 5],
])

class Formatter {
  readonly #out: Writer
  readonly #source: string

  constructor(readonly ast: Module) {
    this.#out = new Writer(ast.comments, ast.source)
    this.#source = ast.source
  }

  module(): string {
    const out = this.#out
    const { package: own, imports, rules } = this.ast
    out.before(own.at)
    const [first = '', ...rest] = own.path
    out.write(
      `package ${rest.reduce((before, part) => before + (isName(part) ? `.${part}` : `[${JSON.stringify(part)}]`), first)}`,
    )
    out.endLine(own.at)
    if (imports.length > 0) out.blank()
    for (const one of imports) {
      out.before(one.at)
      out.write(importText(one))
      out.endLine(one.at)
    }
    let before: Rule | undefined
    for (const rule of rules) {
      // Rules of one line may stand together; others are set apart.
      const together = before !== undefined && !this.#isLong(before.at) && !this.#isLong(rule.at)
      if (!together) out.blank()
      out.before(rule.at)
      this.#rule(rule)
      before = rule
    }
    out.rest()
    return out.toString()
  }

  #isLong(at: Span): boolean {
    return this.#source.slice(at.start, at.end).includes('\n')
  }

  #rule(rule: Rule): void {
    const out = this.#out
    if (rule.default) out.write('default ')
    this.#head(rule.head)
    if (rule.body) {
      out.write(' if ')
      this.#block(rule.body, this.#hasBraces(rule.body))
    }
    for (const { body } of rule.more) {
      out.write(' ')
      this.#block(body, true)
    }
    let last: Else | undefined = rule.else
    while (last) {
      this.#else(last)
      last = last.else
    }
    out.endLine(rule.at)
  }

  #else({ value, operator, body }: Else): void {
    const out = this.#out
    out.write(' else')
    if (value) {
      out.write(` ${operator ?? ':='} `)
      this.#term(value)
    }
    if (body) {
      out.write(' if ')
      this.#block(body, this.#hasBraces(body))
    }
  }

  /** Whether a body was written in braces. */
  #hasBraces(body: Body): boolean {
    const [first] = body
    if (!first || body.length > 1) return true
    return this.#source
      .slice(0, first.at.start)
      .replace(/(?:\s|#[^\n]*\n)+$/, '')
      .endsWith('{')
  }

  #head({ ref, args, key, value, operator }: Head): void {
    const out = this.#out
    const [first, ...rest] = ref
    if (first) this.#term(first)
    this.#path(rest)
    if (args) this.#list('(', args, ')')
    if (key) {
      out.write(' contains ')
      this.#term(key)
    }
    if (value) {
      out.write(` ${operator ?? ':='} `)
      this.#term(value)
    }
  }

  #path(path: readonly Term[]): void {
    for (const part of path) {
      if (part.type === 'scalar' && typeof part.value === 'string' && isName(part.value) && this.#isDotted(part)) {
        this.#out.write(`.${part.value}`)
      } else {
        this.#out.write('[')
        this.#term(part)
        this.#out.write(']')
      }
    }
  }

  #isDotted(part: Term): boolean {
    const first = this.#source[part.at.start]
    return first !== '"' && first !== '`'
  }

  #block(body: Body, braces: boolean): void {
    const out = this.#out
    const [first] = body
    if (!braces && first) {
      this.#literal(first)
      return
    }
    out.write('{')
    if (first) this.#openLine(first.at)
    out.indented(() => {
      for (const literal of body) {
        out.before(literal.at)
        this.#literal(literal)
        out.endLine(literal.at)
      }
      const end = body.at(-1)?.at.end ?? 0
      out.beforeEnd(this.#closing(end))
    })
    out.write('}')
  }

  /** Ends the line of an opening bracket, with the comment that stood there. */
  #openLine(next: Span): void {
    const before = this.#source.slice(0, next.start).replace(/(?:\s|#[^\n]*\n)+$/, '')
    const at = before.length - 1
    const line = before.split('\n').length
    this.#out.endLine({ ...next, start: at, end: at, line }, next.start)
    this.#out.passed(next.line)
  }

  /** Where the bracket that closes a block stands, after an offset. */
  #closing(offset: number): number {
    let at = offset
    for (; at < this.#source.length; at++) {
      const character = this.#source[at]
      if (character === '#') at = Math.max(at, this.#source.indexOf('\n', at))
      else if (character === '}' || character === ']' || character === ')') break
    }
    return at
  }

  #literal({ statement, negated, with: withs }: Literal): void {
    if (negated) this.#out.write('not ')
    this.#statement(statement)
    for (const one of withs) this.#with(one)
  }

  #with({ target, value }: With): void {
    this.#out.write(' with ')
    this.#term(target)
    this.#out.write(' as ')
    this.#term(value)
  }

  #statement(statement: Statement): void {
    const out = this.#out
    switch (statement.type) {
      case 'term':
        this.#expression(statement.term)
        return
      case 'declare':
        out.write(`some ${statement.vars.map(({ name }) => shown(name)).join(', ')}`)
        return
      case 'some-in':
      case 'every':
        out.write(statement.type === 'every' ? 'every ' : 'some ')
        if (statement.key) {
          this.#term(statement.key)
          out.write(', ')
        }
        this.#term(statement.value)
        out.write(' in ')
        this.#term(statement.domain)
        if (statement.type === 'every') {
          out.write(' ')
          this.#block(statement.body, true)
        }
        return
      case 'not':
        out.write('not ')
        this.#block(statement.body, this.#hasBraces(statement.body))
    }
  }

  #expression(term: Term): void {
    if (term.type === 'call' && (term.operator === '=' || term.operator === ':=')) {
      const [left, right] = term.args as [Term, Term]
      this.#term(left)
      this.#out.write(` ${term.operator} `)
      this.#term(right)
      return
    }
    if (term.type === 'call') this.#call(term, true)
    else this.#term(term)
  }

  #term(term: Term): void {
    const out = this.#out
    switch (term.type) {
      case 'scalar':
      case 'template':
        // As written: numbers keep their form, strings their escapes. Parentheses around are part of the span.
        out.write(this.#unparenthesized(term.at))
        return
      case 'var':
        out.write(shown(term.name))
        return
      case 'ref':
        this.#term(term.head)
        this.#path(term.path)
        return
      case 'call':
        this.#call(term)
        return
      case 'array':
        this.#list('[', term.items, ']', term.at)
        return
      case 'set':
        if (term.items.length === 0) out.write('set()')
        else this.#list('{', term.items, '}', term.at)
        return
      case 'object':
        this.#elements('{', term.entries, '}', term.at, ([key, value]) => {
          this.#term(key)
          out.write(': ')
          this.#term(value)
        })
        return
      case 'comprehension':
        this.#comprehension(term)
    }
  }

  #unparenthesized({ start, end }: Span): string {
    return this.#source
      .slice(start, end)
      .replace(/^[(\s]+/, '')
      .replace(/(?<=["`\w])[)\s]+$/, '')
  }

  #call(term: Extract<Term, { type: 'call' }>, bare = false): void {
    const { operator, args } = term
    const [left, right, third] = args as [Term, Term, Term?]
    if (operator === undefined) {
      this.#term(term.callee)
      this.#list('(', args, ')', term.at)
      return
    }
    const out = this.#out
    if (operator === '-' && this.#isUnaryMinus(term)) {
      out.write('-')
      this.#term(right)
      return
    }
    const own = PRECEDENCE.get(operator) ?? 0
    if (third) {
      // In a list the first comma would separate elements.
      if (!bare) out.write('(')
      this.#side(left, own + 1)
      out.write(', ')
      this.#side(right, own + 1)
      out.write(' in ')
      this.#side(third, own + 1)
      if (!bare) out.write(')')
      return
    }
    this.#side(left, own)
    out.write(` ${operator} `)
    this.#side(right, own + 1)
  }

  #isUnaryMinus(term: Extract<Term, { type: 'call' }>): boolean {
    const [left] = term.args
    return left !== undefined && this.#source[left.at.start] === '-' && left.at.end === left.at.start + 1
  }

  /** An operand, in parentheses when its own operator binds less. */
  #side(term: Term, least: number): void {
    const own = term.type === 'call' && term.operator !== undefined ? (PRECEDENCE.get(term.operator) ?? 0) : 9
    if (own >= least) {
      this.#term(term)
      return
    }
    this.#out.write('(')
    this.#term(term)
    this.#out.write(')')
  }

  #comprehension(term: Extract<Term, { type: 'comprehension' }>): void {
    const out = this.#out
    const [open, close] = term.kind === 'array' ? ['[', ']'] : ['{', '}']
    out.write(open)
    if (term.key) {
      this.#grouped(term.key)
      out.write(': ')
    }
    this.#grouped(term.value)
    out.write(' |')
    const [first] = term.body
    if (!this.#isLong(term.at) || !first) {
      for (const [at, literal] of term.body.entries()) {
        out.write(at === 0 ? ' ' : '; ')
        this.#literal(literal)
      }
      out.write(close)
      return
    }
    this.#openLine(first.at)
    out.indented(() => {
      for (const literal of term.body) {
        out.before(literal.at)
        this.#literal(literal)
        out.endLine(literal.at)
      }
      out.beforeEnd(term.at.end - 1)
    })
    out.write(close)
  }

  /** The head of a comprehension must not be an operator's call, so these keep their parentheses. */
  #grouped(term: Term): void {
    const isOperator = term.type === 'call' && term.operator !== undefined && !this.#isUnaryMinus(term)
    if (isOperator) this.#out.write('(')
    this.#term(term)
    if (isOperator) this.#out.write(')')
  }

  #list(open: string, items: readonly Term[], close: string, at?: Span): void {
    this.#elements(open, items, close, at, (item) => this.#term(item))
  }

  #elements<Item>(
    open: string,
    items: readonly Item[],
    close: string,
    at: Span | undefined,
    write: (item: Item) => void,
  ): void {
    const out = this.#out
    const [first] = items
    out.write(open)
    const isBroken = at !== undefined && first !== undefined && this.#isBroken(items)
    if (!isBroken) {
      for (const [index, item] of items.entries()) {
        if (index > 0) out.write(', ')
        write(item)
      }
      out.write(close)
      return
    }
    this.#openLine(spanOf(first))
    out.indented(() => {
      for (const item of items) {
        const span = spanOf(item)
        out.before(span)
        write(item)
        out.write(',')
        out.endLine(span)
      }
      out.beforeEnd(at.end - 1)
    })
    out.write(close)
  }

  /** Whether a line break stands right after the opening bracket. */
  #isBroken(items: readonly unknown[]): boolean {
    const [first] = items
    if (first === undefined) return false
    const before = this.#source.slice(0, spanOf(first).start)
    return /[([{]\s*(?:#[^\n]*)?\n(?:\s|#[^\n]*\n)*$/.test(before)
  }
}

function shown(name: string): string {
  return name.startsWith('$') ? '_' : name
}

/** The source of an element: a term, or a key and its value. */
function spanOf(item: unknown): Span {
  if (Array.isArray(item)) {
    const [key, value] = item as [Term, Term]
    return { ...key.at, end: value.at.end }
  }
  return (item as Term).at
}
