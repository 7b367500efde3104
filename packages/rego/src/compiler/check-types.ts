/**
 * The type check: operands that a function can never take, values that can never be equal, references that can never be defined.
 * Everything that is not known has any type, so what may work is never refused.
 */
import type { Builtin } from '../builtins-api.js'
import { type Diagnostic, diagnostic, type Location } from '../errors.js'
import { regoText } from '../text.js'
import { T, type Type } from '../types.js'
import type { CallNode, Clause, ComprehensionNode, Local, Node, RefNode, RuleNode, Statement } from './ir.js'
import type { RuleTree } from './rule-tree.js'
import { inside, overlaps, select, typeOfValue, typeText, union } from './type-algebra.js'
import { children } from './walk.js'

/** Through so many rules types are followed; a chain of thousands must not end the stack. */
const MAX_DEPTH = 100

interface FunctionType {
  readonly args: readonly Type[]
  readonly result: Type
}

export function checkTypes(
  tree: RuleTree,
  builtins: ReadonlyMap<string, Builtin>,
  report: (error: Diagnostic) => void,
): void {
  const types = new RuleTypes(tree, builtins, report)
  for (const group of tree.groups()) types.of(group)
}

/** The types of rules and functions, each checked when it is first asked for. */
class RuleTypes {
  readonly comprehensions = new WeakMap<ComprehensionNode, Type>()
  readonly #documents = new Map<RuleTree, Type>()
  readonly #functions = new Map<RuleTree, FunctionType>()
  #depth = 0

  constructor(
    readonly tree: RuleTree,
    readonly builtins: ReadonlyMap<string, Builtin>,
    readonly report: (error: Diagnostic) => void,
  ) {}

  of(group: RuleTree): Type {
    const known = this.#documents.get(group)
    if (known) return known
    // A rule that is this far away will be checked on its own; until then it may be anything.
    if (this.#depth > MAX_DEPTH) return T.any
    this.#depth++
    const type = this.#checked(group)
    this.#depth--
    return type
  }

  #checked(group: RuleTree): Type {
    // Recursion was refused before; this only keeps a dynamic reference from asking for its own group.
    this.#documents.set(group, T.any)
    const own = group.path.length
    const found: Type[] = []
    const functions: FunctionType[] = []
    for (const rule of group.rules) {
      const checked = this.#rule(rule)
      if (rule.args) functions.push(checked)
      else found.push(documentType(rule, own, checked))
    }
    if (functions.length > 0) this.#functions.set(group, joined(functions))
    const type = functions.length > 0 ? T.any : mergedDocuments(found)
    this.#documents.set(group, type)
    return type
  }

  functionOf(call: CallNode): FunctionType | undefined {
    if (!call.path) {
      const builtin = this.builtins.get(call.name)
      // What takes any number of operands takes any operands.
      return builtin && !builtin.variadic ? { args: builtin.args, result: builtin.result } : undefined
    }
    let tree: RuleTree | undefined = this.tree
    for (const key of call.path) tree = tree?.child(key)
    if (!tree) return undefined
    this.of(tree)
    return this.#functions.get(tree)
  }

  #rule(rule: RuleNode): FunctionType & { readonly suffix: readonly Type[] } {
    let failed = false
    const results: Type[] = []
    const args: Type[][] = (rule.args ?? []).map(() => [])
    let suffix: Type[] = []
    for (const clause of rule.clauses) {
      const checker = new BodyChecker(this, new Map(), (error) => {
        failed = true
        this.report(error)
      })
      const result = checker.clause(rule, clause)
      results.push(result)
      suffix = rule.suffix.map((node) => checker.type(node))
      for (const [at, arg] of (rule.args ?? []).entries()) args[at]?.push(checker.type(arg))
    }
    if (failed) return { args: args.map(() => T.any), result: T.any, suffix: rule.suffix.map(() => T.any) }
    return { args: args.map(union), result: union(results), suffix }
  }
}

/** What a rule adds to its group's document. */
function documentType(
  rule: RuleNode,
  own: number,
  { result, suffix }: FunctionType & { suffix: readonly Type[] },
): Type {
  const leaf = rule.key ? T.set(result) : result
  const nested = suffix.reduceRight<Type>((value, key) => T.object(key, value), leaf)
  // Below the group's own path the keys are constant.
  return rule.path.slice(own).reduceRight<Type>((value, key) => T.object(typeOfValue(key), value), nested)
}

function joined(functions: readonly FunctionType[]): FunctionType {
  const [first] = functions
  return {
    args: (first?.args ?? []).map((_, at) => union(functions.map(({ args }) => args[at] ?? T.any))),
    result: union(functions.map(({ result }) => result)),
  }
}

/** The entries of several rules are in one object, and their elements in one set. */
function mergedDocuments(types: readonly Type[]): Type {
  const objects = types.flatMap((type) =>
    type.kind === 'object' && type.rest && type.fields.length === 0 ? [type.rest] : [],
  )
  if (objects.length === types.length && objects.length > 0) {
    return T.object(union(objects.map(({ key }) => key)), mergedDocuments(objects.map(({ value }) => value)))
  }
  const sets = types.flatMap((type) => (type.kind === 'set' ? [type.of] : []))
  return sets.length === types.length && sets.length > 0 ? T.set(union(sets)) : union(types)
}

class BodyChecker {
  /** Inside a `with` that replaces rules, functions or data, their types say nothing. */
  #relaxed = false

  constructor(
    readonly rules: RuleTypes,
    readonly locals: Map<Local, Type>,
    readonly report: (error: Diagnostic) => void,
  ) {}

  clause(rule: RuleNode, clause: Clause): Type {
    this.body(clause.body)
    for (const node of [...rule.suffix, ...(rule.key ? [rule.key] : []), clause.value]) this.#check(node)
    return this.type(rule.key ?? clause.value)
  }

  body(statements: readonly Statement[]): void {
    for (const statement of statements) this.#statement(statement)
  }

  type(node: Node): Type {
    switch (node.n) {
      case 'const':
        return typeOfValue(node.value)
      case 'local':
        return this.locals.get(node.local) ?? T.any
      case 'template':
        return T.string
      case 'array':
        return { kind: 'array', items: node.items.map((item) => this.type(item)) }
      case 'set':
        return T.set(node.items.length === 0 ? T.any : union(node.items.map((item) => this.type(item))))
      case 'object':
        return this.#object(node.entries)
      case 'comprehension':
        return this.#comprehension(node)
      case 'call':
        return this.#relaxed ? T.any : (this.rules.functionOf(node)?.result ?? T.any)
      case 'ref':
        return this.#ref(node, () => undefined)
    }
  }

  #object(entries: readonly (readonly [Node, Node])[]): Type {
    const fields = entries.flatMap(([key, value]) =>
      key.n === 'const' ? [{ key: key.value, value: this.type(value) }] : [],
    )
    const others = entries.filter(([key]) => key.n !== 'const')
    if (others.length === 0) return { kind: 'object', fields }
    const key = union(others.map(([one]) => this.type(one)))
    return { kind: 'object', fields, rest: { key, value: union(others.map(([, value]) => this.type(value))) } }
  }

  /** Checked once: asking anew at each level of nesting would take exponential time. */
  #comprehension(node: ComprehensionNode): Type {
    const known = this.rules.comprehensions.get(node)
    if (known) return known
    const type = this.#checkedComprehension(node)
    this.rules.comprehensions.set(node, type)
    return type
  }

  #checkedComprehension(node: ComprehensionNode): Type {
    const inner = new BodyChecker(this.rules, new Map(this.locals), this.report)
    inner.#relaxed = this.#relaxed
    inner.body(node.body)
    if (node.key) inner.#check(node.key)
    inner.#check(node.value)
    const value = inner.type(node.value)
    if (node.kind === 'array') return T.array(value)
    return node.kind === 'set' ? T.set(value) : T.object(node.key ? inner.type(node.key) : T.any, value)
  }

  #statement(statement: Statement): void {
    const before = this.#relaxed
    for (const { value, target } of statement.with) {
      this.#check(value)
      if (target.kind !== 'input') this.#relaxed = true
    }
    this.#plain(statement)
    this.#relaxed = before
  }

  #plain(statement: Statement): void {
    switch (statement.s) {
      case 'unify':
        this.#check(statement.left)
        this.#check(statement.right)
        this.#unify(statement.left, statement.right, statement.at)
        return
      case 'every': {
        this.#check(statement.domain)
        const body = new BodyChecker(this.rules, new Map(this.locals), this.report)
        body.#relaxed = this.#relaxed
        // OPA knows nothing of the elements here.
        body.locals.set(statement.value, T.any)
        if (statement.key) body.locals.set(statement.key, T.any)
        body.body(statement.body)
        return
      }
      case 'not': {
        const body = new BodyChecker(this.rules, new Map(this.locals), this.report)
        body.#relaxed = this.#relaxed
        body.body(statement.body)
        return
      }
      case 'term': {
        const { node } = statement
        if (node.n === 'call' && node.name === 'equal') {
          for (const arg of node.args) this.#check(arg)
          const [left, right] = node.args
          if (left && right) this.#unify(left, right, statement.at)
          return
        }
        this.#check(node)
      }
    }
  }

  /** Reports what is wrong inside a term, innermost first, and infers the types of variables. */
  #check(node: Node): void {
    if (node.n === 'comprehension') {
      this.#comprehension(node)
      return
    }
    for (const child of children(node)) this.#check(child)
    if (node.n === 'ref') this.#ref(node, this.report)
    if (node.n === 'call') this.#call(node)
  }

  #call(node: CallNode): void {
    const found = this.#relaxed ? undefined : this.rules.functionOf(node)
    if (!found) return
    const wanted = [...found.args, found.result]
    for (const [at, arg] of node.args.entries()) {
      const want = wanted[at]
      if (!want || this.#infer(arg, want)) continue
      const have = node.args.slice(0, found.args.length).map((one) => typeText(this.type(one)))
      const detail = `have: (${have.join(', ')})\n\twant: (${found.args.map(typeText).join(', ')})`
      this.report(diagnostic('rego_type_error', `${node.name}: invalid argument(s)\n\t${detail}`, node.at))
      return
    }
  }

  #unify(left: Node, right: Node, at: Location): void {
    if (this.#unifies(left, right)) return
    const detail = `left  : ${typeText(this.type(left))}\n\tright : ${typeText(this.type(right))}`
    this.report(diagnostic('rego_type_error', `match error\n\t${detail}`, at))
  }

  #unifies(left: Node, right: Node): boolean {
    const [a, b] = [this.#isOpen(left), this.#isOpen(right)]
    if (!a) return this.#infer(right, this.type(left))
    if (!b) return this.#infer(left, this.type(right))
    if (left.n === 'array' && right.n === 'array') {
      if (left.items.length !== right.items.length) return false
      return left.items.every((item, at) => this.#unifies(item, right.items[at] as Node))
    }
    this.#infer(left, T.any)
    this.#infer(right, T.any)
    return true
  }

  /** Whether a term has variables of which nothing is known yet. */
  #isOpen(node: Node): boolean {
    if (node.n === 'local') return !this.locals.has(node.local)
    if (node.n !== 'array' && node.n !== 'object' && node.n !== 'set') return false
    return children(node).some((child) => this.#isOpen(child))
  }

  /** Makes a term have a type: variables that are open get it. False when it cannot. */
  #infer(node: Node, type: Type): boolean {
    if (node.n === 'local') {
      const known = this.locals.get(node.local)
      if (known) return overlaps(known, type)
      this.locals.set(node.local, type)
      return true
    }
    if (!this.#isOpen(node)) return overlaps(this.type(node), type)
    if (node.n === 'array') return this.#inferArray(node.items, type)
    if (node.n === 'object') return this.#inferObject(node.entries, type)
    for (const child of children(node)) this.#infer(child, T.any)
    return type.kind === 'any' || overlaps(T.set(T.any), type)
  }

  #inferArray(items: readonly Node[], type: Type): boolean {
    if (type.kind === 'array') {
      if (items.length !== type.items.length && !type.rest) return false
      if (items.length < type.items.length) return false
      return items.every((item, at) => this.#infer(item, type.items[at] ?? type.rest ?? T.any))
    }
    const shape: Type = { kind: 'array', items: items.map((item) => (this.#isOpen(item) ? T.any : this.type(item))) }
    for (const item of items) this.#infer(item, T.any)
    return overlaps(shape, type)
  }

  #inferObject(entries: readonly (readonly [Node, Node])[], type: Type): boolean {
    if (type.kind === 'object' && entries.every(([key]) => key.n === 'const')) {
      if (entries.length !== type.fields.length && !type.rest) return false
      return entries.every(([key, value]) => {
        const member = key.n === 'const' ? select(type, key.value) : undefined
        return member !== undefined && this.#infer(value, member)
      })
    }
    for (const [key, value] of entries) {
      this.#infer(key, T.any)
      this.#infer(value, T.any)
    }
    const shape = entries.every(([key]) => key.n === 'const') ? this.#object(entries) : T.object(T.any, T.any)
    return overlaps(shape, type)
  }

  #ref(node: RefNode, report: (error: Diagnostic) => void): Type {
    if (node.base === 'input') return this.#anyPath(node.path)
    if (node.base !== 'data') return this.#path(this.type(node.base), node, 0, report)
    let { tree } = this.rules
    for (const [at, key] of node.path.entries()) {
      const child = key.n === 'const' ? tree.child(key.value) : undefined
      if (!child) return this.#anyPath(node.path)
      tree = child
      if (tree.rules.length > 0) {
        if (this.#relaxed || tree.rules.some((rule) => rule.args)) return this.#anyPath(node.path)
        return this.#path(this.rules.of(tree), node, at + 1, report)
      }
    }
    return T.any
  }

  #anyPath(path: readonly Node[]): Type {
    for (const key of path) this.#infer(key, T.any)
    return T.any
  }

  #path(start: Type, node: RefNode, from: number, report: (error: Diagnostic) => void): Type {
    let type = start
    for (const key of node.path.slice(from)) {
      const found = key.n === 'const' ? select(type, key.value) : this.#each(type, key)
      if (!found) {
        report(diagnostic('rego_type_error', `undefined ref: ${refText(node)}\n\thave: ${typeText(type)}`, node.at))
        return T.any
      }
      type = found
    }
    return type
  }

  #each(type: Type, key: Node): Type | undefined {
    const found = inside(type)
    return found && this.#infer(key, found.key) ? found.value : undefined
  }
}

function refText({ base, path }: RefNode): string {
  const start = typeof base === 'string' ? base : base.n === 'local' ? base.local.name : '…'
  return path.reduce((text, key) => {
    if (key.n !== 'const') return `${text}[${key.n === 'local' && !key.local.generated ? key.local.name : '_'}]`
    return typeof key.value === 'string' && /^[A-Za-z_]\w*$/.test(key.value)
      ? `${text}.${key.value}`
      : `${text}[${regoText(key.value)}]`
  }, start)
}
