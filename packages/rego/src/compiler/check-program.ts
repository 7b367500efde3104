/** What OPA's compiler refuses besides unsafe variables: undefined functions, wrong arity, conflicts, bad imports. */
import { deprecatedBuiltins } from '../builtins/index.js'
import type { Builtin } from '../builtins-api.js'
import { type Diagnostic, diagnostic, type Location } from '../errors.js'
import type { Module } from '../syntax/ast.js'
import { calls, withsOf } from './dependencies.js'
import type { CallNode, RuleNode, WithNode } from './ir.js'
import { nearest } from './nearest.js'
import type { RuleTree } from './rule-tree.js'
import type { Arity } from './safety.js'

export interface Checks {
  readonly modules: readonly Module[]
  readonly rules: readonly RuleNode[]
  readonly builtins: ReadonlyMap<string, Builtin>
  readonly allowed: (name: string) => boolean
  readonly arity: Arity
  readonly report: (error: Diagnostic) => void
}

/** Imports and names, before anything else. */
export function checkNames({ modules, report }: Pick<Checks, 'modules' | 'report'>): void {
  const error = (message: string, at: Location) => report(diagnostic('rego_compile_error', message, at))
  for (const { imports, rules } of modules) {
    const seen = new Map<string, string>()
    for (const { path, alias, at } of imports) {
      if (path[0] !== 'data' && path[0] !== 'input') continue
      const name = alias ?? path.at(-1) ?? ''
      const text = `import ${path.join('.')}${alias === undefined ? '' : ` as ${alias}`}`
      const before = seen.get(name)
      if (before !== undefined) error(`import must not shadow ${before}`, at)
      else seen.set(name, text)
    }
    for (const { head } of rules) {
      const name = head.ref[0]?.type === 'var' ? head.ref[0].name : ''
      if (name === 'input' || name === 'data')
        error(`rules must not shadow ${name} (use a different rule name)`, head.at)
    }
  }
}

export function checkProgram(checks: Checks, tree: RuleTree): void {
  checkConflicts(checks, tree)
  for (const rule of checks.rules) {
    calls(rule, (call, isStatement) => {
      if (!call.path && deprecatedBuiltins.has(call.name)) {
        const message = `deprecated built-in function calls in expression: ${call.name}`
        checks.report(diagnostic('rego_type_error', message, call.at))
      } else checkCall(call, isStatement, checks)
    })
    withsOf(rule, (one) => checkWith(one, tree, checks))
  }
}

/** A call in a rule or query: the function is there, may be called, and takes so many operands. */
export function checkCall(
  call: CallNode,
  isStatement: boolean,
  { builtins, allowed, arity, rules, report }: Pick<Checks, 'builtins' | 'allowed' | 'arity' | 'rules' | 'report'>,
): void {
  const error = (message: string) => report(diagnostic('rego_type_error', message, call.at))
  const count = arity(call)
  if (count === undefined) {
    const names = call.path ? rules.flatMap((rule) => (rule.args ? [rule.name] : [])) : [...builtins.keys()]
    const hint = nearest(call.name, names)
    error(`undefined function ${call.name}${hint === undefined ? '' : ` (did you mean ${hint}?)`}`)
    return
  }
  if (!call.path && !allowed(call.name)) {
    error(`unsafe built-in function calls in expression: ${call.name}`)
    return
  }
  const builtin = call.path ? undefined : builtins.get(call.name)
  if (builtin?.variadic) return
  const given = call.args.length
  if (given === count || (isStatement && given === count + 1)) return
  if (builtin) error(`${call.name}: arity mismatch: takes ${count} argument${count === 1 ? '' : 's'}, got ${given}`)
  else error(`function ${call.name} has arity ${count}, got ${given} argument${given === 1 ? '' : 's'}`)
}

/** What `with` may replace: input, data as a whole or outside of rules, rules and functions by their names. */
function checkWith({ target, at }: WithNode, root: RuleTree, { builtins, report }: Checks): void {
  const error = (message: string) => report(diagnostic('rego_compile_error', message, at))
  if (target.kind === 'builtin') {
    const { name } = target
    if (!builtins.has(name)) {
      report(
        diagnostic('rego_type_error', 'with keyword target must reference existing input, data, or a function', at),
      )
    } else if (name.startsWith('internal.') || name.startsWith('rego.metadata.') || name === 'eq' || name === 'print') {
      error(`with keyword replacing built-in function: replacement of "${name}" invalid`)
    } else if (name === 'walk') {
      error('with keyword replacing built-in function: target must not be a relation')
    }
    return
  }
  if (target.kind === 'input') return
  let tree: RuleTree | undefined = root
  for (const key of target.path.slice(0, -1)) {
    tree = tree?.child(key)
    if (tree && tree.rules.length > 0) {
      error('with keyword cannot partially replace virtual document(s)')
      return
    }
  }
}

function checkConflicts({ modules, report }: Checks, tree: RuleTree): void {
  for (const group of tree.groups()) checkGroup(group, report)
  const packages = new Map<string, Module[]>()
  for (const module of modules) {
    const key = pathText(module.package.path)
    packages.set(key, [...(packages.get(key) ?? []), module])
  }
  for (const group of tree.groups()) {
    for (const rule of group.rules) {
      if (rule.suffix.length > 0) continue
      for (const module of packages.get(pathText(rule.path)) ?? []) {
        const where = `${rule.at.file}:${rule.at.line}`
        const message = `package ${module.package.path.join('.')} conflicts with rule ${rule.name.slice(rule.name.lastIndexOf('.') + 1)} defined at ${where}`
        report(diagnostic('rego_type_error', message, module.package.at))
      }
    }
  }
}

function pathText(path: readonly unknown[]): string {
  return JSON.stringify(path.map((key) => String(key)))
}

function checkGroup(group: RuleTree, report: (error: Diagnostic) => void): void {
  const length = group.path.length
  const own = group.rules.filter((rule) => rule.path.length === length)
  const below = group.rules.filter((rule) => rule.path.length > length)
  const [first] = group.rules
  if (!first) return
  const name = `data.${group.path.map(String).join('.')}`
  const error = (message: string) => report(diagnostic('rego_type_error', message, first.at))

  const nested = [...group.children.values()].flatMap((child) => [...child.groups()])
  if (nested.length > 0) {
    error(
      `rule ${name} conflicts with [${nested.map((other) => `data.${other.path.map(String).join('.')}`).join(', ')}]`,
    )
    return
  }
  const kinds = new Set(own.map((rule) => (rule.key ? 'set' : 'value')))
  const arities = new Set(own.map((rule) => rule.args?.length ?? 0))
  const functions = new Set(own.map((rule) => rule.args !== undefined))
  const complete = own.some((rule) => !rule.key && rule.suffix.length === 0)
  const partial = own.some((rule) => rule.key || rule.suffix.length > 0)
  const sets = own.some((rule) => rule.key && rule.suffix.length === 0)
  const setsBelow = own.some((rule) => rule.key && rule.suffix.length > 0)
  if (
    own.length > 0 &&
    (kinds.size > 1 || arities.size > 1 || functions.size > 1 || (complete && partial) || (sets && setsBelow))
  ) {
    error(`conflicting rules ${name} found`)
    return
  }
  const functionsBelow = below.filter((rule) => rule.args)
  if (functionsBelow.length > 0 && own.some((rule) => rule.suffix.length > 0)) {
    error(`rule ${name} conflicts with [${functionsBelow.map((rule) => rule.name).join(', ')}]`)
    return
  }
  const defaults = own.filter((rule) => rule.default)
  if (defaults.length > 1) {
    const places = defaults.map((rule) => `${rule.at.file}:${rule.at.line}`).join(', ')
    report(
      diagnostic('rego_type_error', `multiple default rules ${name} found at ${places}`, defaults[1]?.at ?? first.at),
    )
  }
}
