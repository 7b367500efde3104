import { type Diagnostic, diagnostic, RegoError } from '../errors.js'
import type { Body, Else, Head, Import, Module, Rule, Span, Term } from './ast.js'
import { ParseFailure } from './lexer.js'
import { BodyParser } from './parse-body.js'

/**
 * Parses a module.
 *
 * @throws RegoError `rego_parse_error`
 */
export function parseModule(source: string, file: string): Module {
  return reported(() => new ModuleParser(source, file).module())
}

/** Parses a query: statements as in a rule's body. */
export function parseQuery(source: string, file = '<query>'): Body {
  return reported(() => new ModuleParser(source, file).query())
}

function reported<R>(parse: () => R): R {
  try {
    return parse()
  } catch (error) {
    if (error instanceof ParseFailure) throw new RegoError([parseError(error)])
    throw error
  }
}

function parseError({ message, at }: ParseFailure): Diagnostic {
  return diagnostic('rego_parse_error', message, at)
}

class ModuleParser extends BodyParser {
  query(): Body {
    const body = this.statements()
    if (body.length === 0) this.unexpected('expected a query')
    return body
  }

  module(): Module {
    const { source, file } = this.lexer
    const at = this.token.at
    if (this.token.kind === 'end') this.lexer.fail('empty module', at)
    if (!this.is('package')) this.lexer.fail('package expected: a module starts with `package <name>`', at)
    const path = this.#package()
    const imports: Import[] = []
    const rules: Rule[] = []
    const errors: Diagnostic[] = []
    while (!this.atEnd()) {
      try {
        if (this.is('import') && !this.isRefAhead()) imports.push(this.#import(rules.length > 0))
        else rules.push(this.#rule())
      } catch (error) {
        if (!(error instanceof ParseFailure)) throw error
        errors.push(parseError(error))
        this.#recover()
      }
    }
    const [first, ...rest] = errors
    if (first) throw new RegoError([first, ...rest])
    return { file, source, package: { path, at }, imports, rules, comments: this.lexer.comments }
  }

  /** Skips to the next line that starts at the left margin with a name, most likely a rule. */
  #recover(): void {
    for (;;) {
      const { token } = this
      if (token.kind === 'end') return
      try {
        this.next()
      } catch {
        // An illegal token: its error would only repeat what is already reported.
        const rest = this.lexer.source.indexOf('\n', token.at.end)
        this.token = { ...token, kind: 'end', at: this.lexer.span(this.lexer.source.length, this.lexer.source.length) }
        if (rest < 0) return
        return
      }
      const { kind, at } = this.token
      if (at.column === 1 && (kind === 'ident' || this.is('default') || this.is('import'))) return
    }
  }

  #package(): string[] {
    this.next()
    if (this.token.kind !== 'ident' && this.token.kind !== 'keyword') this.unexpected('expected a package name')
    return this.#path('package')
  }

  #path(what: string): string[] {
    const path = [this.next().text]
    for (;;) {
      if (!this.token.spaced && this.accept('.')) {
        if (this.token.kind !== 'ident' && this.token.kind !== 'keyword') this.unexpected('expected ident')
        path.push(this.next().text)
      } else if (!this.token.spaced && this.accept('[')) {
        if (this.token.kind !== 'string' && this.token.kind !== 'raw') {
          this.unexpected(`${what} path contains invalid terms: expected string`)
        }
        path.push(this.next().text)
        this.expect(']')
      } else {
        return path
      }
    }
  }

  #import(late: boolean): Import {
    const start = this.next().at
    if (late) this.lexer.fail('unexpected import: imports stand before the rules', start)
    if (this.token.kind !== 'ident')
      this.unexpected('unexpected import path, must begin with one of: {data, future, input, rego}')
    const path = this.#path('import')
    const root = path[0] ?? ''
    if (!['data', 'input', 'future', 'rego'].includes(root)) {
      const hint = 'must begin with one of: {data, future, input, rego}'
      this.lexer.fail(`unexpected import path, ${hint}, got: ${root}`, this.spanFrom(start))
    }
    let alias: string | undefined
    if (this.accept('as')) {
      if (this.token.kind !== 'ident') this.unexpected('expected var')
      alias = this.next().text
    }
    const at = this.spanFrom(start)
    if (root === 'future') this.#future(path, alias, at)
    if (root === 'rego' && path.join('.') !== 'rego.v1') {
      this.lexer.fail('invalid import, must be `rego.v1`', at)
    }
    return { path, ...(alias !== undefined && { alias }), at }
  }

  #future(path: readonly string[], alias: string | undefined, at: Span): void {
    if (path[1] !== 'keywords') this.lexer.fail('invalid import, must be `future.keywords`', at)
    if (path.length > 3) this.lexer.fail('invalid import, must be `future.keywords.<keyword>`', at)
    if (alias !== undefined) this.lexer.fail('`future` imports cannot be aliased', at)
    const keyword = path[2]
    if (keyword === 'not') this.notBodies = true
    else if (keyword !== undefined && !['in', 'every', 'contains', 'if'].includes(keyword)) {
      this.lexer.fail(`unexpected keyword, must be one of [contains every if in not], got: ${keyword}`, at)
    }
  }

  #rule(): Rule {
    const start = this.token.at
    const isDefault = this.is('default') && !this.isRefAhead()
    if (isDefault) this.next()
    if (this.token.kind !== 'ident' && !this.isRefAhead()) {
      if (this.token.kind === 'keyword') {
        this.lexer.fail(`${this.token.text} keyword cannot be used for rule name`, this.token.at)
      }
      this.unexpected('expected a rule')
    }
    const head = this.#ruleHead(isDefault)
    if (isDefault) return this.#defaultRule(head, start)

    const hasIf = !this.isRefAhead() && this.accept('if')
    let body: Body | undefined
    if (hasIf) body = this.#ruleBody()
    else if (this.is('{')) {
      const hint = '`if` keyword is required before rule body'
      this.lexer.fail(hint, head.at)
    } else if (head.key === undefined && head.value === undefined) {
      const partial = head.ref.length === 2 && head.args === undefined
      const hint = partial
        ? '`contains` keyword is required for partial set rules'
        : '`if` keyword is required before rule body'
      const name = this.lexer.source.slice(head.at.start, head.at.end)
      this.lexer.fail(`var cannot be used for rule name: ${hint}, or a value: \`${name} := …\``, head.at)
    }
    const otherwise = this.is('else') && !this.isRefAhead() ? this.#else(head) : undefined
    const more: { body: Body; at: Span }[] = []
    while (this.is('{') && hasIf) {
      if (otherwise) this.lexer.fail('expected else keyword', this.token.at)
      const at = this.next().at
      const next = this.body('}')
      this.next()
      more.push({ body: next, at: this.spanFrom(at) })
    }
    return {
      head,
      default: false,
      ...(body && { body }),
      more,
      ...(otherwise && { else: otherwise }),
      at: this.spanFrom(start),
    }
  }

  #defaultRule(head: Head, start: Span): Rule {
    if (head.key) this.lexer.fail('default rules must not be partial sets', head.at)
    if (!head.value)
      this.unexpected(`expected default rule value term (e.g., default ${head.ref.length ? 'name' : ''} := <VALUE>)`)
    if (this.is('if')) this.lexer.fail('default rules must not have a body', this.token.at)
    return { head, default: true, more: [], at: this.spanFrom(start) }
  }

  /** After `if`: one statement, or statements in braces. Braces may also begin a term: `{1, 2} == x`. */
  #ruleBody(): Body {
    if (!this.is('{') || this.isRefAhead()) return [this.literal()]
    const restore = this.save()
    try {
      const literal = this.literal()
      const term = literal.statement.type === 'term' ? literal.statement.term : undefined
      // A lone set is never false: what looks like one is a body.
      if (term?.type !== 'set') return [literal]
    } catch (error) {
      if (!(error instanceof ParseFailure)) throw error
    }
    restore()
    this.next()
    const body = this.body('}')
    this.next()
    return body
  }

  #else(head: Head): Else {
    const start = this.next().at
    if (head.key) this.lexer.fail('else keyword cannot be used on multi-value rules', start)
    if (head.ref.slice(1).some((term) => term.type !== 'scalar')) {
      this.lexer.fail('else keyword cannot be used on rules with variables in head', start)
    }
    let value: Term | undefined
    let operator: ':=' | '=' | undefined
    if (this.is(':=') || this.is('=')) {
      operator = this.next().text === '=' ? '=' : ':='
      value = this.term()
    } else if (!this.is('if')) {
      const hint = this.is('{') ? '`if` keyword is required before rule body' : 'expected else value term or rule body'
      this.unexpected(hint)
    }
    let body: Body | undefined
    if (!this.isRefAhead() && this.accept('if')) {
      body = this.#elseBody()
    } else if (this.is('{')) {
      this.lexer.fail('`if` keyword is required before rule body', this.token.at)
    }
    const otherwise = this.is('else') && !this.isRefAhead() ? this.#else(head) : undefined
    return {
      ...(value && { value }),
      ...(operator && { operator }),
      ...(body && { body }),
      ...(otherwise && { else: otherwise }),
      at: this.spanFrom(start),
    }
  }

  #elseBody(): Body {
    if (!this.accept('{')) return [this.literal()]
    const body = this.body('}')
    this.next()
    return body
  }

  #ruleHead(isDefault: boolean): Head {
    const start = this.token.at
    const ref: Term[] = [this.variable()]
    while (this.is('.') || this.is('[')) {
      if (this.accept('.')) {
        if ((this.token.kind !== 'ident' && this.token.kind !== 'keyword') || this.token.spaced)
          this.unexpected('expected ident')
        const { text, at } = this.next()
        ref.push({ type: 'scalar', value: text, at })
      } else {
        this.next()
        ref.push(this.term())
        this.expect(']')
      }
    }
    let args: Term[] | undefined
    if (this.accept('(')) args = this.list(')')
    let key: Term | undefined
    let value: Term | undefined
    let operator: ':=' | '=' | undefined
    if (this.is('contains') && !this.isRefAhead()) {
      if (args)
        this.unexpected(
          'the contains keyword can only be used with multi-value rule definitions (e.g., p contains <VALUE> { ... })',
        )
      this.next()
      key = this.term()
    } else if (this.is(':=') || this.is('=')) {
      operator = this.next().text === '=' ? '=' : ':='
      value = this.term()
    } else if (isDefault) {
      this.unexpected('expected default rule value term (e.g., default p := <VALUE>)')
    }
    return {
      ref,
      ...(args && { args }),
      ...(key && { key }),
      ...(value && { value }),
      ...(operator && { operator }),
      at: this.spanFrom(start),
    }
  }
}
