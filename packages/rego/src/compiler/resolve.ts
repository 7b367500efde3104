import { type Diagnostic, diagnostic, type Location } from '../errors.js'
import type { Body, Else, Import, Module, Rule, Term } from '../syntax/ast.js'
import type { Value } from '../value.js'
import type { Clause, Node, RuleNode, Statement } from './ir.js'
import { type Names, TermResolver } from './resolve-term.js'
import { patternNames, RuleScope, type Scope } from './scope.js'

/** A query's statements, its variables by name, and its slots. */
export interface QueryNode {
  readonly body: readonly Statement[]
  readonly vars: readonly { readonly name: string; readonly slot: number }[]
  readonly rule: RuleScope
  readonly fresh: RuleNode['fresh']
}

/** A module to resolve, and what it needs from around it. */
export interface ModuleToResolve {
  readonly module: Module
  readonly index: number
  /** The modules of the same package, itself included. */
  readonly siblings: readonly Module[]
  /** The value of `rego.metadata.rule()` or `.chain()` in a rule. */
  readonly metadata: (rule: Rule, name: string) => Value | undefined
  readonly nextId: () => number
  readonly isBuiltin: (name: string) => boolean
  /** Imports and variables that nothing uses are errors. */
  readonly strict: boolean
  readonly report: (error: Diagnostic) => void
}

/** Resolves the names of a module's rules. */
export function resolveModule(source: ModuleToResolve): RuleNode[] {
  const { module, index, siblings, metadata, nextId, isBuiltin, strict, report } = source
  const used = new Set<Import>()
  const names = moduleNames(module, siblings, (one) => used.add(one))
  const rules = module.rules.flatMap((rule) => {
    const own: Names = { global: names, isBuiltin, strict, metadata: (name) => metadata(rule, name) }
    const bodies: (Body | undefined)[] = [rule.body, ...rule.more.map(({ body }) => body)]
    return bodies.map((body, at) => {
      const location = at === 0 ? rule.at : (rule.more[at - 1]?.at ?? rule.at)
      return resolveRule({ rule, body, at: location, module, index, names: own, id: nextId(), report })
    })
  })
  if (strict) {
    for (const one of module.imports) {
      const [root] = one.path
      if ((root !== 'data' && root !== 'input') || used.has(one)) continue
      const alias = one.alias === undefined ? '' : ` as ${one.alias}`
      report(diagnostic('rego_compile_error', `import ${one.path.join('.')}${alias} unused`, one.at))
    }
  }
  return rules
}

/** Resolves a query against no module: names are built-ins, `data` and `input`. */
export function resolveQuery(
  body: Body,
  isBuiltin: Names['isBuiltin'],
  report: (error: Diagnostic) => void,
): QueryNode {
  const rule = new RuleScope()
  const resolver = new TermResolver(
    { global: () => undefined, isBuiltin, strict: false, metadata: () => undefined },
    rule,
    report,
  )
  const vars = new Map<string, number>()
  const resolved = resolver.body(body, undefined, (statements, scope) => {
    for (const name of scope.names) vars.set(name, scope.lookup(name, { file: '', line: 1, column: 1 }).slot)
    return statements
  })
  for (const local of rule.implicits()) if (!local.generated) vars.set(local.name, local.slot)
  return {
    body: resolved,
    vars: [...vars].filter(([name]) => !name.startsWith('$')).map(([name, slot]) => ({ name, slot })),
    rule,
    fresh: (at) => resolver.fresh(at),
  }
}

interface Global {
  readonly root: 'data' | 'input'
  readonly path: readonly string[]
  readonly import?: Import
}

/** The rules of the package and what the module imports; an import hides a rule of its name. */
function moduleNames(module: Module, siblings: readonly Module[], use: (one: Import) => void): Names['global'] {
  const names = new Map<string, Global>()
  for (const sibling of siblings) {
    for (const { head } of sibling.rules) {
      const first = head.ref[0]
      if (first?.type === 'var') names.set(first.name, { root: 'data', path: [...module.package.path, first.name] })
    }
  }
  for (const one of module.imports) {
    const [root, ...rest] = one.path
    if (root !== 'data' && root !== 'input') continue
    const name = one.alias ?? one.path.at(-1)
    if (name !== undefined) names.set(name, { root, path: rest, import: one })
  }
  return (name) => {
    const found = names.get(name)
    if (found?.import) use(found.import)
    return found
  }
}

interface RuleSource {
  readonly rule: Rule
  readonly body: Body | undefined
  readonly at: Location
  readonly module: Module
  readonly index: number
  readonly names: Names
  readonly id: number
  readonly report: (error: Diagnostic) => void
}

function resolveRule({ rule, body, at, module, index, names, id, report }: RuleSource): RuleNode {
  const { head } = rule
  const scopeOf = new RuleScope()
  const resolver = new TermResolver(names, scopeOf, report)
  const parameters = new Set<string>()
  for (const arg of head.args ?? []) patternNames(arg, parameters)
  const outer = resolver.scope(undefined, parameters, true)
  for (const name of parameters) outer.declare(name, 'arg', head.at)
  // A parameter that has to be computed is a variable, compared when the body has held.
  const computed: Statement[] = []
  const args = head.args?.map((arg): Node => {
    const node = resolver.term(arg, outer)
    if (isPattern(node)) return node
    const local: Node = { n: 'local', local: resolver.fresh(node.at), at: node.at }
    computed.push({ s: 'unify', left: local, right: node, with: [], at: node.at })
    return local
  })

  const [prefix, rest] = splitHead(head.ref)
  let suffix: Node[] = []
  let key: Node | undefined
  const first = resolver.body(body ?? [], outer, (statements, scope): Clause => {
    suffix = rest.map((term) => resolver.term(term, scope))
    key = head.key && resolver.term(head.key, scope)
    return { value: valueNode(head.value, scope), body: [...statements, ...computed], at }
  })
  const clauses: [Clause, ...Clause[]] = [first]
  for (let other: Else | undefined = rule.else; other; other = other.else) {
    const { value, body: otherBody, at: otherAt } = other
    clauses.push(
      resolver.body(otherBody ?? [], outer, (statements, scope) => ({
        value: valueNode(value, scope),
        body: [...statements, ...computed],
        at: otherAt,
      })),
    )
  }
  outer.close()
  if (rule.default) checkDefault(rule, clauses[0].value, report)
  const path: Value[] = [...module.package.path, ...prefix]
  return {
    path,
    suffix,
    ...(args && { args }),
    ...(key && { key }),
    default: rule.default,
    clauses,
    slots: () => scopeOf.slots,
    fresh: (where) => resolver.fresh(where),
    at,
    module: index,
    id,
    name: `data.${path.join('.')}`,
  }

  function valueNode(term: Term | undefined, scope: Scope): Node {
    return term ? resolver.term(term, scope) : { n: 'const', value: true, at: head.at }
  }
}

/** The constant front of a head's reference and the rest. */
function splitHead(ref: readonly Term[]): [prefix: Value[], rest: readonly Term[]] {
  const prefix: Value[] = []
  for (const [at, term] of ref.entries()) {
    if (at === 0 && term.type === 'var') prefix.push(term.name)
    else if (term.type === 'scalar') prefix.push(term.value)
    else return [prefix, ref.slice(at)]
  }
  return [prefix, []]
}

/** Whether a parameter only matches: it has no reference, call or comprehension. */
function isPattern(node: Node): boolean {
  if (node.n === 'local' || node.n === 'const') return true
  if (node.n === 'array') return node.items.every(isPattern)
  return node.n === 'object' && node.entries.every(([key, value]) => isPattern(key) && isPattern(value))
}

function checkDefault(rule: Rule, value: Node, report: (error: Diagnostic) => void): void {
  const bad = (message: string) => report(diagnostic('rego_parse_error', message, rule.at))
  const name = rule.head.ref[0]?.type === 'var' ? rule.head.ref[0].name : 'rule'
  const kind = illegalDefault(value)
  if (kind) bad(`illegal default rule (value cannot contain ${kind})`)
  if (rule.head.args?.some((arg) => arg.type !== 'var')) {
    bad(`illegal default rule (arguments cannot contain ${rule.head.args.find((arg) => arg.type !== 'var')?.type})`)
  }
  const parameters = rule.head.args?.map((arg) => (arg.type === 'var' ? arg.name : '')) ?? []
  if (new Set(parameters).size < parameters.length) bad(`illegal default rule (arguments cannot be repeated ${name})`)
}

function illegalDefault(node: Node): string | undefined {
  switch (node.n) {
    case 'const':
    case 'comprehension':
      return undefined
    case 'local':
      return 'var'
    case 'ref':
    case 'call':
      return node.n
    case 'array':
    case 'set':
      return node.items.map(illegalDefault).find(Boolean)
    case 'object':
      return node.entries.flat().map(illegalDefault).find(Boolean)
    case 'template':
      return undefined
  }
}
