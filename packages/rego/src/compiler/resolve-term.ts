import { type Diagnostic, diagnostic, type Location } from '../errors.js'
import type { Body, CallTerm, Literal, RefTerm, Term, With } from '../syntax/ast.js'
import { keyOf, RegoObject, RegoSet, type Value } from '../value.js'
import type { CallNode, Local, Node, Part, Statement, WithNode } from './ir.js'
import { declaredNames, type RuleScope, Scope } from './scope.js'

/** What names outside of any rule mean in one module: rules of the package, and imports. */
export interface Names {
  /** The path below `data`, or for `import input.x` below `input`. */
  global(name: string): { readonly root: 'data' | 'input'; readonly path: readonly string[] } | undefined
  isBuiltin(name: string): boolean
  /** Report what is never used. */
  readonly strict: boolean
  /** The term that stands for a call of `rego.metadata.rule()` and `.chain()` in the rule at hand. */
  metadata(name: string): Value | undefined
}

/** Resolves the terms and bodies of one rule. */
export class TermResolver {
  constructor(
    readonly names: Names,
    readonly rule: RuleScope,
    readonly report: (error: Diagnostic) => void,
  ) {}

  error(message: string, at: Location): void {
    this.report(diagnostic('rego_compile_error', message, at))
  }

  fresh(at: Location): Local {
    return this.rule.fresh(`$${this.rule.slots}`, at)
  }

  scope(parent: Scope | undefined, names: ReadonlySet<string>, parameters = false): Scope {
    return new Scope(this.rule, names, parent, this.report, parameters)
  }

  /** A body, and in the same scope what depends on it: a comprehension's head, a rule's value. */
  body<R>(body: Body, parent: Scope | undefined, then: (statements: Statement[], scope: Scope) => R): R {
    const scope = this.scope(parent, declaredNames(body))
    const statements = this.statements(body, scope)
    const result = then(statements, scope)
    scope.close()
    if (this.names.strict) for (const { name, at } of scope.unused()) this.error(`assigned var ${name} unused`, at)
    return result
  }

  statements(body: Body, scope: Scope): Statement[] {
    const out: Statement[] = []
    for (const literal of body) this.literal(literal, scope, out)
    return out
  }

  literal(literal: Literal, scope: Scope, out: Statement[]): void {
    const { statement, at } = literal
    if (statement.type === 'declare') {
      for (const { name, at: here } of statement.vars) scope.declare(name, 'declared', here)
      return
    }
    const withs = literal.with.map((one) => this.with(one, scope))
    const common = { with: withs, at }
    if (literal.negated) {
      this.#negated(literal, scope, withs, out)
      return
    }
    switch (statement.type) {
      case 'term':
        out.push(this.#expression(statement.term, scope, common))
        return
      case 'some-in':
        out.push(this.#someIn(statement, scope, common))
        return
      case 'every': {
        const domain = this.term(statement.domain, scope)
        const inner = this.scope(
          scope,
          new Set([statement.value, statement.key].flatMap((t) => (t?.type === 'var' ? [t.name] : []))),
        )
        const declare = (term: Term | undefined) =>
          term?.type === 'var' ? inner.declare(term.name, 'declared', term.at) : undefined
        const key = declare(statement.key)
        const value = declare(statement.value) ?? this.fresh(at)
        const body = this.body(statement.body, inner, (statements) => statements)
        inner.close()
        out.push({ ...common, s: 'every', ...(key && { key }), value, domain, body })
        return
      }
      case 'not': {
        const body = this.body(statement.body, scope, (statements) => statements)
        out.push({ ...common, s: 'not', inside: true, explicit: statement.body.length > 1, body })
      }
    }
  }

  /** OPA evaluates the calls among the operands of a plain `not` before it: undefined there is undefined, not false. */
  #negated(literal: Literal, scope: Scope, withs: WithNode[], out: Statement[]): void {
    const { statement, at } = literal
    if (statement.type !== 'term') return
    if (statement.term.type === 'call' && statement.term.operator === ':=') {
      this.error('cannot assign vars inside negated expression', at)
      return
    }
    const inner = this.#expression(statement.term, scope, { with: [], at })
    const hoist = (node: Node, top: boolean): Node => {
      switch (node.n) {
        case 'call': {
          const args = node.args.map((arg) => hoist(arg, false))
          if (top) return { ...node, args }
          const local = this.fresh(node.at)
          const left: Node = { n: 'local', local, at: node.at }
          out.push({ s: 'unify', left, right: { ...node, args }, with: withs, at: node.at })
          return left
        }
        case 'ref':
          return {
            ...node,
            base: typeof node.base === 'string' ? node.base : hoist(node.base, false),
            path: node.path.map((part) => hoist(part, false)),
          }
        case 'array':
        case 'set':
          return { ...node, items: node.items.map((item) => hoist(item, false)) }
        case 'object':
          return {
            ...node,
            entries: node.entries.map(([key, value]) => [hoist(key, false), hoist(value, false)] as const),
          }
        default:
          return node
      }
    }
    let negated = inner
    if (inner.s === 'term') negated = { ...inner, node: hoist(inner.node, true) }
    else if (inner.s === 'unify')
      negated = { ...inner, left: hoist(inner.left, false), right: hoist(inner.right, false) }
    out.push({ s: 'not', inside: false, explicit: false, body: [negated], with: withs, at })
  }

  #expression(term: Term, scope: Scope, common: { with: WithNode[]; at: Location }): Statement {
    if (term.type === 'call' && (term.operator === '=' || term.operator === ':=')) {
      const [left, right] = term.args as [Term, Term]
      if (term.operator === '=') {
        return { ...common, s: 'unify', left: this.term(left, scope), right: this.term(right, scope) }
      }
      const value = this.term(right, scope)
      return { ...common, s: 'unify', left: this.#target(left, scope), right: value }
    }
    return { ...common, s: 'term', node: this.term(term, scope) }
  }

  /** The left side of `:=`. */
  #target(term: Term, scope: Scope): Node {
    const { at } = term
    switch (term.type) {
      case 'var':
        return { n: 'local', local: scope.declare(term.name, 'assigned', at), at }
      case 'array':
        return { n: 'array', items: term.items.map((item) => this.#target(item, scope)), at }
      case 'object': {
        const entries = term.entries.map(([key, value]) => [this.term(key, scope), this.#target(value, scope)] as const)
        return { n: 'object', entries, at }
      }
      case 'ref':
        if (term.path.length === 0 && term.head.type === 'var') {
          return { n: 'local', local: scope.declare(term.head.name, 'assigned', at), at }
        }
        break
    }
    this.error(`cannot assign to ${kindName(term)}`, at)
    return { n: 'const', value: null, at }
  }

  #someIn(
    statement: Extract<Literal['statement'], { type: 'some-in' }>,
    scope: Scope,
    common: { with: WithNode[]; at: Location },
  ): Statement {
    const { at } = common
    const bound = new Set<string>()
    if (statement.key) collectVars(statement.key, bound)
    collectVars(statement.value, bound)
    const inDomain = new Set<string>()
    collectVars(statement.domain, inDomain, true)
    for (const name of [...bound].sort()) {
      if (inDomain.has(name) && !name.startsWith('$')) this.error(`var ${name} assigned before`, at)
    }
    for (const name of bound) if (this.#isFree(name, scope)) scope.declare(name, 'declared', at)
    const domain = this.term(statement.domain, scope)
    const value = this.term(statement.value, scope)
    const key: Node = statement.key ? this.term(statement.key, scope) : { n: 'local', local: this.fresh(at), at }
    const element: Node =
      domain.n === 'ref'
        ? { ...domain, path: [...domain.path, key] }
        : { n: 'ref', base: domain, path: [key], at: domain.at }
    return { ...common, s: 'unify', left: value, right: element }
  }

  #isFree(name: string, scope: Scope): boolean {
    return scope.names.has(name)
  }

  with({ target, value, at }: With, scope: Scope): WithNode {
    const replacement = this.#functionName(value, scope)
    // A built-in's name is no variable.
    const isBuiltin = replacement !== undefined && replacement.path === undefined
    const node: Node = isBuiltin ? { n: 'const', value: null, at } : this.term(value, scope)
    const common = { value: node, at, ...(replacement && { replacement }) }
    const path = staticPath(target)
    if (!path) {
      this.error('with keyword target must reference existing input, data, or a function', target.at)
      return { ...common, target: { kind: 'input', path: [] } }
    }
    const [head = '', ...rest] = path
    if (head === 'input') return { ...common, target: { kind: 'input', path: rest } }
    if (head === 'data') return { ...common, target: { kind: 'data', path: rest } }
    const global = this.names.global(head)
    if (global) return { ...common, target: { kind: global.root, path: [...global.path, ...rest] } }
    return { ...common, target: { kind: 'builtin', name: path.join('.') } }
  }

  /** The function that a `with` value names, if it may be one. */
  #functionName(value: Term, scope: Scope): WithNode['replacement'] {
    const path = staticPath(value)
    if (!path) return undefined
    const [head = '', ...rest] = path
    if (scope.hides(head) || head === 'input') return undefined
    if (head === 'data') return { name: path.join('.'), path: rest }
    const global = this.names.global(head)
    if (global)
      return global.root === 'data'
        ? { name: ['data', ...global.path, ...rest].join('.'), path: [...global.path, ...rest] }
        : undefined
    const name = path.join('.')
    return this.names.isBuiltin(name) ? { name } : undefined
  }

  term(term: Term, scope: Scope): Node {
    const { at } = term
    switch (term.type) {
      case 'scalar':
        return { n: 'const', value: term.value, at }
      case 'var':
        return this.#variable(term.name, at, scope)
      case 'ref':
        return this.#ref(term, scope)
      case 'call':
        return this.#call(term, scope)
      case 'array':
        return folded({ n: 'array', items: term.items.map((item) => this.term(item, scope)), at })
      case 'set':
        return folded({ n: 'set', items: term.items.map((item) => this.term(item, scope)), at })
      case 'object':
        return folded({
          n: 'object',
          entries: term.entries.map(([key, value]) => [this.term(key, scope), this.term(value, scope)] as const),
          at,
        })
      case 'comprehension':
        return this.body(term.body, scope, (body, inner) => {
          const key = term.key && this.term(term.key, inner)
          return {
            n: 'comprehension',
            kind: term.kind,
            ...(key && { key }),
            value: this.term(term.value, inner),
            body,
            at,
          }
        })
      case 'template':
        return {
          n: 'template',
          parts: term.parts.map((part) => (typeof part === 'string' ? part : this.#part(part, scope))),
          at,
        }
    }
  }

  #part({ statement, with: withs }: Literal, scope: Scope): Part {
    const term: Term | undefined = statement.type === 'term' ? statement.term : undefined
    if (!term) throw new TypeError('the parser lets only terms into templates')
    return { node: this.term(term, scope), with: withs.map((one) => this.with(one, scope)) }
  }

  #variable(name: string, at: Location, scope: Scope): Node {
    if (!scope.hides(name)) {
      const global = this.names.global(name)
      if (global) return { n: 'ref', base: global.root, path: constants(global.path, at), at }
    }
    return { n: 'local', local: scope.lookup(name, at), at }
  }

  #ref(term: RefTerm, scope: Scope): Node {
    const { head, at } = term
    const path = term.path.map((part) => this.term(part, scope))
    if (head.type === 'var' && (head.name === 'input' || head.name === 'data') && !scope.hides(head.name)) {
      return { n: 'ref', base: head.name, path, at }
    }
    const base = this.term(head, scope)
    if (base.n === 'ref') return { n: 'ref', base: base.base, path: [...base.path, ...path], at }
    return path.length === 0 ? base : { n: 'ref', base, path, at }
  }

  #call(term: CallTerm, scope: Scope): Node {
    const { at } = term
    const args = term.args.map((arg) => this.term(arg, scope))
    const path = staticPath(term.callee)
    if (!path) {
      this.error('a call needs a constant function name', at)
      return { n: 'const', value: null, at }
    }
    const [head = '', ...rest] = path
    if (term.operator === undefined) {
      if (scope.hides(head)) {
        this.report(diagnostic('rego_type_error', `undefined function ${path.join('.')}`, at))
        return { n: 'const', value: null, at }
      }
      if (head === 'data') return rule(rest)
      const global = this.names.global(head)
      if (global?.root === 'data') return rule([...global.path, ...rest])
      const name = path.join('.')
      const metadata = name.startsWith('rego.metadata.') && args.length === 0 ? this.names.metadata(name) : undefined
      if (metadata !== undefined) return { n: 'const', value: metadata, at }
    }
    return { n: 'call', name: path.join('.'), args, at }

    function rule(full: readonly string[]): CallNode {
      return { n: 'call', name: `data.${full.join('.')}`, path: full, args, at }
    }
  }
}

export function constants(path: readonly string[], at: Location): Node[] {
  return path.map((value) => ({ n: 'const', value, at }))
}

/** A reference of constant strings, as its parts. */
export function staticPath(term: Term): string[] | undefined {
  if (term.type === 'var') return [term.name]
  if (term.type !== 'ref' || term.head.type !== 'var') return undefined
  const path = [term.head.name]
  for (const part of term.path) {
    if (part.type !== 'scalar' || typeof part.value !== 'string') return undefined
    path.push(part.value)
  }
  return path
}

/** A collection of constants is a constant. */
function folded(node: Extract<Node, { n: 'array' | 'set' | 'object' }>): Node {
  const { at } = node
  if (node.n === 'object') {
    const seen = new Map<unknown, Value>()
    const object = new RegoObject()
    for (const [key, value] of node.entries) {
      if (key.n !== 'const' || value.n !== 'const') return node
      seen.set(keyOf(key.value), value.value)
      object.set(key.value, value.value)
    }
    object.isConstant = true
    return { n: 'const', value: object, at }
  }
  const values: Value[] = []
  for (const item of node.items) {
    if (item.n !== 'const') return node
    values.push(item.value)
  }
  return { n: 'const', value: node.n === 'array' ? values : RegoSet.from(values), at }
}

/** Names of the variables in a term, without those in comprehensions and object keys. */
function collectVars(term: Term, names: Set<string>, refHeads = false): void {
  switch (term.type) {
    case 'var':
      names.add(term.name)
      return
    case 'array':
    case 'set':
      for (const item of term.items) collectVars(item, names, refHeads)
      return
    case 'object':
      for (const [key, value] of term.entries) {
        if (refHeads) collectVars(key, names, refHeads)
        collectVars(value, names, refHeads)
      }
      return
    case 'ref':
      if (refHeads) collectVars(term.head, names, refHeads)
      for (const part of term.path) collectVars(part, names, refHeads)
      return
    case 'call':
      for (const arg of term.args) collectVars(arg, names, refHeads)
  }
}

function kindName(term: Term): string {
  switch (term.type) {
    case 'scalar':
      return term.value === null
        ? 'null'
        : typeof term.value === 'object' || typeof term.value === 'bigint'
          ? 'number'
          : typeof term.value
    case 'comprehension':
      return `${term.kind}comprehension`
    default:
      return term.type
  }
}
