import { type Compiled, compileModules, type ModuleSource } from './compiler/compile.js'
import { Program } from './compiler/program.js'
import { compileQuery, compileTerm, type RunQuery, type RunTerm } from './compiler/query.js'
import { NOWHERE, RegoError } from './errors.js'
import { Context, Run } from './eval/context.js'
import { resultJson } from './eval/result.js'
import { RuleTracer, type Tracer } from './eval/tracer.js'
import { type Explanation, ruleReports } from './explain.js'
import { startMeter } from './meter.js'
import type { Json, Value } from './value.js'

export interface CompileOptions {
  /** The base documents: what `data.…` is besides rules. Copied; a JSON object. */
  readonly data?: unknown
  /** Raise the errors of built-ins instead of making their expressions undefined. */
  readonly strictBuiltinErrors?: boolean
  /** The built-ins that policies may call, by name; a call of another is a `rego_type_error`. Default: all of them. */
  readonly allowBuiltins?: readonly string[] | ((name: string) => boolean)
  /** Imports and variables that nothing uses are errors too. */
  readonly strict?: boolean
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

/** A query's variables and their values. */
export type Bindings = Record<string, Json>

const MAX_STEPS = 10_000_000
const MAX_RESULT_SIZE = 1_000_000
/** So many compiled queries are kept. */
const MAX_QUERIES = 256

/**
 * Compiles Rego modules into a policy.
 *
 * @throws RegoError `rego_parse_error`, `rego_compile_error`, `rego_type_error`, `rego_unsafe_var_error`, `rego_recursion_error`
 * @example
 * const policy = compile([{ path: 'app.rego', source: 'package app\nallow if input.user == "alice"' }])
 * policy.evaluate('data.app.allow', { user: 'alice' }) // true
 */
export function compile(modules: readonly ModuleSource[], options: CompileOptions = {}): Policy {
  const { allowBuiltins: allow } = options
  const names = typeof allow === 'object' ? new Set(allow) : undefined
  const allowed =
    typeof allow === 'function' ? allow : (name: string) => names === undefined || isOperator(name) || names.has(name)
  return guarded(() => new Policy(compileModules(modules, options.data, allowed, options.strict), options))
}

/** What the language itself calls: operators are no built-ins that a list would name. */
function isOperator(name: string): boolean {
  return OPERATORS.has(name) || name.startsWith('internal.')
}

const OPERATORS = new Set('eq assign equal neq lt lte gt gte plus minus mul div rem and or'.split(' '))

/** A compiled policy. It is immutable and may be shared; evaluations leave no trace in it. */
export class Policy {
  readonly #compiled: Compiled
  readonly #options: CompileOptions
  readonly #program: Program
  #traced: Program | undefined
  readonly #terms = new Map<string, RunTerm>()
  readonly #queries = new Map<string, RunQuery>()

  /** @internal use {@link compile} */
  constructor(compiled: Compiled, options: CompileOptions) {
    this.#compiled = compiled
    this.#options = options
    this.#program = new Program(compiled.data, compiled.tree, compiled.builtins, false)
  }

  /**
   * The value of a reference such as `data.app.allow`, as JSON; undefined when it has none. Sets are arrays in Rego's order;
   * integers beyond a double are `bigint`, decimals beyond one {@link Decimal}.
   *
   * @throws RegoError `eval_conflict_error`, `eval_limit_error`, and with strict errors `eval_builtin_error`, `eval_type_error`
   */
  evaluate(reference: string, input?: unknown, options?: EvaluateOptions): Json | undefined {
    const run = this.#run(options, undefined)
    try {
      const term = this.#terms.get(reference) ?? this.#term(reference)
      return this.#result(term(this.#context(run, input)), run)
    } catch (error) {
      throw this.#preferred(regoError(error), run)
    }
  }

  /**
   * All ways to make a query hold, each as its variables' values.
   *
   * @throws RegoError as {@link evaluate}, and as {@link compile} for the query
   * @example policy.query('data.app.roles[user] = role', {}) // [{ user: 'alice', role: 'admin' }]
   */
  query(query: string, input?: unknown, options?: EvaluateOptions): Bindings[] {
    return guarded(() => {
      let code = this.#queries.get(query)
      if (!code) {
        code = compileQuery(query, this.#compiled, this.#program)
        keep(this.#queries, query, code)
      }
      const run = this.#run(options, undefined)
      const found: Bindings[] = []
      try {
        code(this.#context(run, input), (solution) => {
          const entries = [...solution].map(([name, value]) => [name, resultJson(value, this.#maxResultSize)] as const)
          found.push(Object.fromEntries(entries))
          if (found.length > this.#maxResultSize) run.overflow(this.#maxResultSize)
          return false
        })
      } catch (error) {
        throw this.#preferred(regoError(error), run)
      }
      this.#raise(run)
      return found
    })
  }

  /**
   * The value, and which rules fired or failed on the way, with file and line. Slower than `evaluate`: nothing is skipped.
   *
   * @throws RegoError as {@link evaluate}
   */
  explain(reference: string, input?: unknown, options?: EvaluateOptions): Explanation {
    const tracer = new RuleTracer()
    const value = this.trace(reference, input, options, tracer)
    return { value, rules: ruleReports(tracer, this.#compiled, this.#maxResultSize) }
  }

  /** Evaluates and tells a tracer each step. */
  trace(reference: string, input: unknown, options: EvaluateOptions | undefined, tracer: Tracer): Json | undefined {
    return guarded(() => {
      const { data, tree, builtins } = this.#compiled
      this.#traced ??= new Program(data, tree, builtins, true)
      const term = compileTerm(reference, this.#compiled, this.#traced)
      const run = this.#run(options, tracer)
      return this.#result(term(this.#context(run, input)), run)
    })
  }

  /** The modules' rules and statements, for tools such as coverage. */
  get compiled(): Compiled {
    return this.#compiled
  }

  #term(reference: string): RunTerm {
    const term = compileTerm(reference, this.#compiled, this.#program)
    keep(this.#terms, reference, term)
    return term
  }

  get #maxResultSize(): number {
    return this.#options.maxResultSize ?? MAX_RESULT_SIZE
  }

  #run(options: EvaluateOptions | undefined, tracer: Tracer | undefined): Run {
    startMeter()
    return new Run(this.#options.maxSteps ?? MAX_STEPS, options, tracer)
  }

  #context(run: Run, input: unknown): Context {
    return new Context(run, input as Value | undefined, this.#compiled.data, undefined, undefined)
  }

  #result(value: Value | undefined, run: Run): Json | undefined {
    this.#raise(run)
    return value === undefined ? undefined : resultJson(value, this.#maxResultSize)
  }

  /** When errors are strict, a conflict that follows the error of a built-in is not what is reported, as in OPA. */
  #preferred(error: RegoError, { builtinError }: Run): RegoError {
    const isConflict = error.code === 'eval_conflict_error'
    return isConflict && this.#options.strictBuiltinErrors && builtinError ? new RegoError([builtinError]) : error
  }

  #raise({ builtinError }: Run): void {
    if (this.#options.strictBuiltinErrors && builtinError) throw new RegoError([builtinError])
  }
}

function keep<V>(cache: Map<string, V>, key: string, value: V): void {
  if (cache.size >= MAX_QUERIES) cache.clear()
  cache.set(key, value)
}

/** Nothing but `RegoError` leaves this package. */
function guarded<R>(work: () => R): R {
  startMeter()
  try {
    return work()
  } catch (error) {
    throw regoError(error)
  }
}

function regoError(error: unknown): RegoError {
  if (error instanceof RegoError) return error
  if (error instanceof RangeError) {
    return RegoError.at('eval_limit_error', 'nested too deeply, or a value is too large', NOWHERE)
  }
  return RegoError.at('eval_internal_error', error instanceof Error ? error.message : String(error), NOWHERE)
}

/** The value of a ground Rego term, which may hold sets and keys of any type. */
export function termValue(text: string): Value | undefined {
  const compiled = compileModules([], {}, () => true)
  const program = new Program(compiled.data, compiled.tree, compiled.builtins, false)
  const run = new Run(MAX_STEPS, undefined, undefined)
  return compileTerm(text, compiled, program)(new Context(run, undefined, compiled.data, undefined, undefined))
}
