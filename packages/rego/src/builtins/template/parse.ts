/**
 * The grammar of text templates.
 *
 * @see https://pkg.go.dev/text/template
 */
import { BuiltinError } from '../../builtins-api.js'
import type { List, Node, Pipeline, Template, Term } from './ast.js'
import { FUNCTIONS } from './functions.js'
import { lex, type Token } from './lex.js'

const MAX_DEPTH = 200

/** @throws BuiltinError `template: template:1: unexpected {{end}}` */
export function parseTemplate(text: string): Template {
  return new Parser(lex(text)).template()
}

class Parser {
  readonly #named = new Map<string, List>()
  readonly #variables: string[] = ['$']
  #at = 0
  #depth = 0

  constructor(readonly tokens: readonly Token[]) {}

  template(): Template {
    const { list, end } = this.#list(false)
    if (end !== undefined) this.#fail(`unexpected {{${end}}}`)
    return { root: list, named: this.#named }
  }

  #fail(message: string): never {
    throw new BuiltinError(`template: template:1: ${message}`)
  }

  #peek(): Token | undefined {
    return this.tokens[this.#at]
  }

  #skipSpace(): void {
    while (this.#peek()?.kind === 'space') this.#at += 1
  }

  #next(): Token {
    const token = this.#peek()
    if (token === undefined) this.#fail('unexpected EOF')
    this.#at += 1
    return token
  }

  #word(): string | undefined {
    this.#skipSpace()
    const token = this.#peek()
    return token?.kind === 'word' ? token.text : undefined
  }

  #close(where: string): void {
    this.#skipSpace()
    const token = this.#next()
    if (token.kind !== 'close') this.#fail(`unexpected ${quoteToken(token)} in ${where}`)
  }

  /** Nodes up to `{{end}}` or `{{else}}`, which is what ended them, or to the end of the text. */
  #list(inLoop: boolean): { list: List; end: string | undefined } {
    this.#depth += 1
    if (this.#depth > MAX_DEPTH) this.#fail('nested too deeply')
    const list: Node[] = []
    for (let token = this.#peek(); token !== undefined; token = this.#peek()) {
      this.#at += 1
      if (token.kind === 'text') {
        list.push({ kind: 'text', text: token.text })
        continue
      }
      const word = this.#word()
      if (word === 'end' || word === 'else') {
        this.#at += 1
        if (word === 'end') this.#close('end')
        this.#depth -= 1
        return { list, end: word }
      }
      const node = this.#action(word, inLoop)
      if (node !== undefined) list.push(node)
    }
    this.#depth -= 1
    return { list, end: undefined }
  }

  #action(word: string | undefined, inLoop: boolean): Node | undefined {
    switch (word) {
      case 'if':
      case 'with':
      case 'range':
        this.#at += 1
        return this.#control(word, inLoop)
      case 'template':
      case 'block':
        this.#at += 1
        return this.#call(word)
      case 'define':
        this.#at += 1
        this.#define()
        return undefined
      case 'break':
      case 'continue':
        this.#at += 1
        if (!inLoop) this.#fail(`{{${word}}} outside {{range}}`)
        this.#close(word)
        return { kind: word }
      default:
        return { kind: 'output', pipeline: this.#pipeline('command', 'close') }
    }
  }

  #control(kind: 'if' | 'with' | 'range', inLoop: boolean): Node {
    const known = this.#variables.length
    const pipeline = this.#pipeline(kind, 'close')
    const { list: body, end } = this.#list(inLoop || kind === 'range')
    const otherwise = end === 'else' ? this.#otherwise(kind, inLoop) : end === 'end' ? [] : this.#fail('unexpected EOF')
    this.#variables.length = known
    return { kind, pipeline, body, otherwise }
  }

  /** `{{else}}`, or `{{else if …}}` as a list of one. */
  #otherwise(kind: 'if' | 'with' | 'range', inLoop: boolean): List {
    const word = this.#word()
    if (word === kind && kind !== 'range') {
      this.#at += 1
      return [this.#control(kind, inLoop)]
    }
    this.#close('else')
    const { list, end } = this.#list(inLoop)
    if (end !== 'end') this.#fail(end === 'else' ? 'expected end; found {{else}}' : 'unexpected EOF')
    return list
  }

  #name(where: string): string {
    this.#skipSpace()
    const token = this.#next()
    if (token.kind !== 'string') this.#fail(`unexpected ${quoteToken(token)} in ${where}`)
    return unquote(token.text)
  }

  #call(word: 'template' | 'block'): Node {
    const name = this.#name(`${word} clause`)
    this.#skipSpace()
    const pipeline = this.#peek()?.kind === 'close' ? undefined : this.#pipeline(`${word} clause`, 'close')
    if (pipeline === undefined) this.#at += 1
    if (word === 'block') this.#body(name)
    return { kind: 'template', name, pipeline }
  }

  #define(): void {
    const name = this.#name('define clause')
    this.#close('define clause')
    this.#body(name)
  }

  #body(name: string): void {
    const outer = this.#variables.splice(1)
    const { list, end } = this.#list(false)
    if (end !== 'end') this.#fail('unexpected EOF')
    this.#variables.push(...outer)
    this.#named.set(name, list)
  }

  #pipeline(where: string, close: 'close' | ')'): Pipeline {
    const { variables, assigns } = this.#declarations(where)
    const commands: (readonly Term[])[] = []
    for (;;) {
      this.#skipSpace()
      const command = this.#command(where)
      if (command.length === 0)
        this.#fail(commands.length === 0 ? `missing value for ${where}` : `missing value in ${where}`)
      commands.push(command)
      const token = this.#next()
      if (token.text === '|' && token.kind === 'mark') continue
      if (close === 'close' ? token.kind === 'close' : token.text === ')') break
      this.#fail(`unexpected ${quoteToken(token)} in ${where}`)
    }
    return { variables, assigns, commands }
  }

  /** `$x :=`, `$i, $x :=` (in a range) or `$x =`. */
  #declarations(where: string): { variables: readonly string[]; assigns: boolean } {
    const start = this.#at
    const variables: string[] = []
    for (;;) {
      this.#skipSpace()
      const token = this.#peek()
      if (token?.kind !== 'variable') break
      this.#at += 1
      variables.push(token.text)
      this.#skipSpace()
      const mark = this.#peek()
      if (mark?.text === ',' && where === 'range' && variables.length < 2) {
        this.#at += 1
        continue
      }
      if (mark?.kind === 'mark' && (mark.text === ':=' || mark.text === '=')) {
        this.#at += 1
        const assigns = mark.text === '='
        if (!assigns) this.#variables.push(...variables)
        return { variables, assigns }
      }
      break
    }
    this.#at = start
    return { variables: [], assigns: false }
  }

  #command(where: string): Term[] {
    const terms: Term[] = []
    for (;;) {
      this.#skipSpace()
      const term = this.#term(where)
      if (term === undefined) return terms
      terms.push(term)
    }
  }

  #term(where: string): Term | undefined {
    const token = this.#peek()
    switch (token?.kind) {
      case 'string':
        this.#at += 1
        return { kind: 'constant', value: unquote(token.text) }
      case 'number':
        this.#at += 1
        return { kind: 'constant', value: Number(token.text.replaceAll('_', '')) }
      case 'character':
        this.#at += 1
        return { kind: 'constant', value: unquote(`"${token.text.slice(1, -1)}"`).codePointAt(0) ?? 0 }
      case 'field':
        return { kind: 'field', of: undefined, names: this.#fields() }
      case 'variable':
        this.#at += 1
        if (!this.#variables.includes(token.text)) this.#fail(`undefined variable ${JSON.stringify(token.text)}`)
        return { kind: 'variable', name: token.text, names: this.#fields() }
      case 'word':
        this.#at += 1
        return this.#identifier(token.text)
      case 'mark':
        return this.#marked(token.text, where)
      default:
        return undefined
    }
  }

  #identifier(word: string): Term {
    if (word === 'true' || word === 'false') return { kind: 'constant', value: word === 'true' }
    if (word === 'nil') return { kind: 'nil' }
    if (!FUNCTIONS.has(word)) this.#fail(`function ${JSON.stringify(word)} not defined`)
    return { kind: 'function', name: word }
  }

  #marked(mark: string, where: string): Term | undefined {
    if (mark === '.') {
      this.#at += 1
      return { kind: 'dot' }
    }
    if (mark !== '(') return undefined
    this.#at += 1
    this.#depth += 1
    if (this.#depth > MAX_DEPTH) this.#fail('nested too deeply')
    const inner: Term = { kind: 'pipeline', pipeline: this.#pipeline(where, ')') }
    this.#depth -= 1
    const names = this.#fields()
    return names.length === 0 ? inner : { kind: 'field', of: inner, names }
  }

  #fields(): string[] {
    const names: string[] = []
    for (let token = this.#peek(); token?.kind === 'field'; token = this.#peek()) {
      names.push(token.text.slice(1))
      this.#at += 1
    }
    return names
  }
}

function quoteToken(token: Token): string {
  return token.kind === 'close' ? '"}}"' : `<${token.text}>`
}

function unquote(text: string): string {
  if (text.startsWith('`')) return text.slice(1, -1)
  return text
    .slice(1, -1)
    .replace(/\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|(.))/g, (_, x, u, long, one: string) => {
      const code = x ?? u ?? long
      if (code !== undefined) return String.fromCodePoint(Math.min(Number.parseInt(code, 16), 0x10ffff))
      return { n: '\n', t: '\t', r: '\r', a: '\u0007', b: '\b', f: '\f', v: '\v' }[one] ?? one
    })
}
