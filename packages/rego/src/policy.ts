import { builtins as library } from './builtins/index.js'
import type { Builtin } from './builtins-api.js'
import { orderRule } from './compiler/check-rules.js'
import { emitBody } from './compiler/emit-body.js'
import { Env } from './compiler/env.js'
import type { CallNode, RuleNode } from './compiler/ir.js'
import { Program } from './compiler/program.js'
import { resolveModule, resolveQuery } from './compiler/resolve.js'
import { RuleTree } from './compiler/rule-tree.js'
import { orderBody, unsafeErrors } from './compiler/safety.js'
import { type Diagnostic, NOWHERE, RegoError } from './errors.js'
import { Context, type Frame, Run, type Step } from './eval/context.js'
import { evaluatorBuiltins } from './evaluator-builtins.js'
import type { Module } from './syntax/ast.js'
import { parseModule, parseQuery } from './syntax/parse.js'
import { fromJson, type Json, RegoObject, toJson, type Value } from './value.js'

/** A module's text, and the name that errors give as its file. */
export interface ModuleSource {
  readonly path: string
  readonly source: string
}

export interface CompileOptions {
  /** The base documents: what `data.…` is besides rules. Copied; a JSON object. */
  readonly data?: unknown
  /** Raise the errors of built-ins instead of making their expressions undefined. */
  readonly strictBuiltinErrors?: boolean
  /** The built-ins that policies may call, by name; a call of another is a `rego_type_error`. Default: all of them. */
  readonly allowBuiltins?: readonly string[] | ((name: string) => boolean)
  /** How much work one evaluation may do, in rules entered, elements visited and calls made. Default 10,000,000. */
  readonly maxSteps?: number
  /** How many values a result may hold, nested ones counted. Default 1,000,000. */
  readonly maxResultSize?: number
}

export interface EvaluateOptions {
  /** What `time.now_ns` gives, in nanoseconds since 1970. Default: the clock, read once per evaluation. */
  readonly nowNs?: bigint | number
  /** Where `rand.intn` and `uuid.rfc4122` get randomness. Default: the platform's. */
  readonly randomBytes?: (length: number) => Uint8Array
  /** Receives the text of each `print(…)` that is reached, with its place. Default: prints go nowhere. */
  readonly print?: (text: string, at: { readonly file: string; readonly line: number; readonly column: number }) => void
}

export type Bindings = Record<string, Json>

/**
 * Compiles Rego modules into a policy.
 *
 * @throws RegoError `rego_parse_error`, `rego_compile_error`, `rego_type_error`, `rego_unsafe_var_error`, `rego_recursion_error`
 * @example
 * const policy = compile([{ path: 'app.rego', source: 'package app\nallow if input.user == "alice"' }])
 * policy.evaluate('data.app.allow', { user: 'alice' }) // true
 */
export function compile(modules: readonly ModuleSource[], options: CompileOptions = {}): Policy {
  return new Policy(modules, options)
}

const MAX_STEPS = 10_000_000

/** A compiled policy: immutable, without state between evaluations. */
export class Policy {
  readonly #program: Program
  readonly #options: CompileOptions
  readonly #queries = new Map<string, CompiledQuery>()

  /** Use {@link compile}. */
  constructor(sources: readonly ModuleSource[], options: CompileOptions) {
    this.#options = options
    const data = fromJson(options.data ?? {})
    if (!(data instanceof RegoObject)) {
      throw RegoError.at('eval_input_error', 'data must be a JSON object', NOWHERE)
    }
    const errors: Diagnostic[] = []
    const report = (error: Diagnostic) => {
      errors.push(error)
    }
    const modules = parseAll(sources)
    const builtins = allBuiltins()
    let id = 0
    const resolved = modules.flatMap((module, index) => {
      const siblings = modules.filter((other) => other.package.path.join('\n') === module.package.path.join('\n'))
      return resolveModule(
        module,
        index,
        siblings,
        () => undefined,
        () => id++,
        (name) => builtins.has(name),
        report,
      )
    })
    throwAny(errors)
    const arity = arityOf(resolved, builtins)
    const rules = resolved.map((rule) => orderRule(rule, arity, report))
    throwAny(errors)
    this.#program = new Program(
      data,
      RuleTree.of(
        rules,
        modules.map((module) => module.package.path),
      ),
      builtins,
      false,
      undefined,
    )
  }

  /**
   * The value of a reference such as `data.app.allow`, as JSON; undefined when it has none. Sets are arrays in Rego's order.
   *
   * @throws RegoError `eval_conflict_error`, `eval_limit_error`, and with strict errors `eval_builtin_error`, `eval_type_error`
   */
  evaluate(reference: string, input?: unknown, options?: EvaluateOptions): Json | undefined {
    return guarded(() => {
      const query = this.#query(`$result = ${reference}`)
      const [found] = this.#run(query, input, options, 1)
      return found?.get('$result')
    })
  }

  /**
   * All ways to make a query hold, each as its variables' values.
   *
   * @example policy.query('data.app.roles[user] = role', {}) // [{ user: 'alice', role: 'admin' }]
   */
  query(query: string, input?: unknown, options?: EvaluateOptions): Bindings[] {
    return guarded(() =>
      this.#run(this.#query(query), input, options, Infinity).map((found) => Object.fromEntries(found)),
    )
  }

  #query(text: string): CompiledQuery {
    let query = this.#queries.get(text)
    if (!query) {
      query = compileQuery(text, this.#program)
      if (this.#queries.size >= 256) this.#queries.clear()
      this.#queries.set(text, query)
    }
    return query
  }

  #run(query: CompiledQuery, input: unknown, options: EvaluateOptions | undefined, limit: number): Map<string, Json>[] {
    const run = new Run({
      maxSteps: this.#options.maxSteps ?? MAX_STEPS,
      nowNs: BigInt(options?.nowNs ?? BigInt(Date.now()) * 1_000_000n),
      randomBytes: options?.randomBytes ?? ((length) => globalThis.crypto.getRandomValues(new Uint8Array(length))),
      tracer: undefined,
      print: options?.print,
    })
    const context = new Context(run, input as Value | undefined, this.#program.data, undefined, undefined)
    const results: Map<string, Json>[] = []
    const frame: Frame = new Array(query.slots())
    query.step(context, frame, (f) => {
      const found = new Map<string, Json>()
      for (const { name, slot } of query.vars) {
        const value = f[slot] as Value | undefined
        if (value !== undefined) found.set(name, toJson(value))
      }
      results.push(found)
      return results.length >= limit
    })
    if (this.#options.strictBuiltinErrors && run.builtinError) throw new RegoError([run.builtinError])
    return results
  }
}

interface CompiledQuery {
  readonly vars: readonly { readonly name: string; readonly slot: number }[]
  readonly slots: () => number
  readonly step: (c: Context, f: Frame, found: (f: Frame) => boolean) => void
}

function compileQuery(text: string, program: Program): CompiledQuery {
  const errors: Diagnostic[] = []
  const query = resolveQuery(
    parseQuery(text.startsWith('$result = ') ? text.slice('$result = '.length) : text),
    (name) => program.builtins.has(name),
    (error) => errors.push(error),
  )
  throwAny(errors)
  let found: (f: Frame) => boolean = () => true
  const last: Step = (_, f) => found(f)
  const arity = (call: CallNode) => program.arity(call)
  const { vars } = query
  let body = query.body
  let extra: { name: string; slot: number }[] = []
  if (text.startsWith('$result = ')) {
    const [only, ...more] = body
    if (only?.s !== 'term' || more.length > 0) {
      throw RegoError.at('eval_input_error', 'evaluate takes one reference such as data.app.allow', NOWHERE)
    }
    const local = query.fresh(only.at)
    body = [{ s: 'unify', left: { n: 'local', local, at: only.at }, right: only.node, with: only.with, at: only.at }]
    extra = [{ name: '$result', slot: local.slot }]
  }
  const ordered = orderBody(body, new Set(), arity)
  const unsafe = unsafeErrors(ordered.unsafe)
  throwAny(unsafe)
  const step = emitBody(ordered.body, new Env(program, query.fresh, new Set(), -1), () => last)
  return {
    vars: [...vars, ...extra],
    slots: () => query.rule.slots,
    step: (c, f, each) => {
      found = each
      step(c, f)
    },
  }
}

function parseAll(sources: readonly ModuleSource[]): Module[] {
  const errors: Diagnostic[] = []
  const modules: Module[] = []
  for (const { path, source } of sources) {
    try {
      modules.push(parseModule(source, path))
    } catch (error) {
      if (!(error instanceof RegoError)) throw error
      errors.push(...error.errors)
    }
  }
  throwAny(errors)
  return modules
}

function throwAny(errors: readonly Diagnostic[]): void {
  const [first, ...rest] = errors
  if (first) throw new RegoError([first, ...rest])
}

function allBuiltins(): ReadonlyMap<string, Builtin> {
  return new Map([...library, ...evaluatorBuiltins])
}

function arityOf(
  rules: readonly RuleNode[],
  builtins: ReadonlyMap<string, Builtin>,
): (call: CallNode) => number | undefined {
  const functions = new Map(
    rules.filter((rule) => rule.args).map((rule) => [`data.${rule.path.join('.')}`, rule.args?.length]),
  )
  return (call) => (call.path ? functions.get(call.name) : builtins.get(call.name)?.args.length)
}

/** Nothing but `RegoError` leaves an evaluation. */
function guarded<R>(evaluate: () => R): R {
  try {
    return evaluate()
  } catch (error) {
    if (error instanceof RegoError) throw error
    if (error instanceof RangeError) {
      throw RegoError.at('eval_limit_error', 'evaluation nested too deeply or made a value that is too large', NOWHERE)
    }
    throw RegoError.at('eval_internal_error', error instanceof Error ? error.message : String(error), NOWHERE)
  }
}

/** The value of a ground Rego term, such as an input written with sets. */
export function termValue(text: string): Value | undefined {
  const program = new Program(new RegoObject(), RuleTree.of([], []), allBuiltins(), false, undefined)
  const query = compileQuery(`$result = ${text}`, program)
  const run = new Run({
    maxSteps: MAX_STEPS,
    nowNs: 0n,
    randomBytes: () => new Uint8Array(),
    tracer: undefined,
    print: undefined,
  })
  let value: Value | undefined
  query.step(new Context(run, undefined, program.data, undefined, undefined), new Array(query.slots()), (f) => {
    value = f[query.vars.at(-1)?.slot ?? 0] as Value
    return true
  })
  return value
}
