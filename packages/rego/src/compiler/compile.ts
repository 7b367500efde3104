import { builtins as library } from '../builtins/index.js'
import type { Builtin } from '../builtins-api.js'
import { type Diagnostic, NOWHERE, RegoError } from '../errors.js'
import { evaluatorBuiltins } from '../evaluator-builtins.js'
import type { Module } from '../syntax/ast.js'
import { parseModule } from '../syntax/parse.js'
import { fromJson, isObject, objectEntries, RegoObject, type Value } from '../value.js'
import { checkNames, checkProgram } from './check-program.js'
import { orderRule } from './check-rules.js'
import { checkTypes } from './check-types.js'
import { checkRecursion } from './dependencies.js'
import type { CallNode, RuleNode } from './ir.js'
import { Metadata } from './metadata.js'
import { resolveModule } from './resolve.js'
import { RuleTree } from './rule-tree.js'
import type { Arity } from './safety.js'

/** A module's text, and the name that errors give as its file. */
export interface ModuleSource {
  readonly path: string
  readonly source: string
}

/** Modules that passed every check, ready to be turned into code. */
export interface Compiled {
  readonly modules: readonly Module[]
  readonly rules: readonly RuleNode[]
  readonly tree: RuleTree
  readonly data: RegoObject
  readonly builtins: ReadonlyMap<string, Builtin>
  readonly allowed: (name: string) => boolean
  readonly arity: Arity
}

const everyBuiltin: ReadonlyMap<string, Builtin> = new Map([...library, ...evaluatorBuiltins])

/**
 * Parses, resolves and checks modules. Errors are collected stage by stage: a stage with errors is the last.
 *
 * @throws RegoError with every error of the first stage that had some
 */
export function compileModules(
  sources: readonly ModuleSource[],
  data: unknown,
  allowed: (name: string) => boolean,
  strict = false,
): Compiled {
  const errors: Diagnostic[] = []
  const report = (error: Diagnostic): void => {
    errors.push(error)
  }
  const modules = parseAll(sources, report)
  throwAny(errors)
  checkNames({ modules, report })
  const resolved = resolveAll(modules, strict, report)
  throwAny(errors)
  const arity = arityOf(resolved)
  const tree = RuleTree.of(
    resolved,
    modules.map((module) => module.package.path),
  )
  checkProgram({ modules, rules: resolved, builtins: everyBuiltin, allowed, arity, report }, tree)
  throwAny(errors)
  const ordered = new Map(resolved.map((rule) => [rule, orderRule(rule, arity, report)]))
  throwAny(errors)
  const rules = resolved.map((rule) => ordered.get(rule) ?? rule)
  checkRecursion(rules, report)
  throwAny(errors)
  const orderedTree = RuleTree.of(
    rules,
    modules.map((module) => module.package.path),
  )
  checkTypes(orderedTree, everyBuiltin, report)
  throwAny(errors)
  return {
    modules,
    rules,
    tree: orderedTree,
    data: baseData(data),
    builtins: everyBuiltin,
    allowed,
    arity,
  }
}

export function throwAny(errors: readonly Diagnostic[]): void {
  const [first, ...rest] = errors
  if (first) throw new RegoError([first, ...rest])
}

function parseAll(sources: readonly ModuleSource[], report: (error: Diagnostic) => void): Module[] {
  return sources.flatMap(({ path, source }) => {
    try {
      return [parseModule(source, path)]
    } catch (error) {
      if (!(error instanceof RegoError)) throw error
      for (const one of error.errors) report(one)
      return []
    }
  })
}

function resolveAll(modules: readonly Module[], strict: boolean, report: (error: Diagnostic) => void): RuleNode[] {
  const packages = new Map<string, Module[]>()
  for (const module of modules) {
    const key = JSON.stringify(module.package.path)
    const list = packages.get(key)
    if (list) list.push(module)
    else packages.set(key, [module])
  }
  const metadata = new Metadata(modules, report)
  let id = 0
  return modules.flatMap((module, index) =>
    resolveModule({
      module,
      index,
      siblings: packages.get(JSON.stringify(module.package.path)) ?? [module],
      metadata: (rule, name) => metadata.value(name, rule, module),
      nextId: () => id++,
      isBuiltin: (name) => everyBuiltin.has(name),
      strict,
      report,
    }),
  )
}

function arityOf(rules: readonly RuleNode[]): Arity {
  const functions = new Map<string, number>()
  for (const rule of rules) if (rule.args) functions.set(rule.name, rule.args.length)
  return (call: CallNode) => (call.path ? functions.get(call.name) : everyBuiltin.get(call.name)?.args.length)
}

function baseData(data: unknown): RegoObject {
  const value: Value | undefined = fromJson(data ?? {})
  if (value !== undefined && isObject(value)) return RegoObject.from(objectEntries(value))
  throw RegoError.at('eval_input_error', 'data must be a JSON object', NOWHERE)
}
