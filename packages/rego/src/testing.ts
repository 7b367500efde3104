import type { Compiled, ModuleSource } from './compiler/compile.js'
import type { RuleNode, Statement } from './compiler/ir.js'
import { type Location, RegoError } from './errors.js'
import type { Tracer } from './eval/tracer.js'
import { type CompileOptions, compile, type Policy } from './policy.js'

/** What became of one `test_…` rule. */
export interface TestResult {
  /** The rule's path, such as `data.app_test.test_denied`. */
  readonly name: string
  readonly file: string
  readonly line: number
  readonly outcome: 'passed' | 'failed' | 'error' | 'skipped'
  /** What went wrong: the error's text, or where the test stopped holding. */
  readonly message?: string
  /** What `print` wrote. */
  readonly prints: readonly string[]
}

/** Which lines of a file the tests reached. Lines without rules or statements are in neither list. */
export interface FileCoverage {
  readonly file: string
  readonly covered: readonly number[]
  readonly uncovered: readonly number[]
}

export interface TestReport {
  readonly results: readonly TestResult[]
  readonly coverage: readonly FileCoverage[]
}

/**
 * Runs every rule whose name starts with `test_`; `todo_test_…` is skipped. A test passes when its rule is defined and not false.
 *
 * @throws RegoError when the modules do not compile
 * @example
 * runTests([{ path: 'app.rego', source: 'package app\nallow := true\ntest_allow if allow' }]).results[0].outcome // 'passed'
 */
export function runTests(modules: readonly ModuleSource[], options: CompileOptions = {}): TestReport {
  const policy = compile(modules, options)
  const coverage = new Coverage(policy.compiled)
  const results = testRules(policy.compiled).map((rule) => runTest(policy, rule, coverage))
  return { results, coverage: coverage.files() }
}

function testRules({ rules }: Compiled): RuleNode[] {
  const seen = new Set<string>()
  return rules.filter((rule) => {
    const name = rule.path.at(-1)
    if (typeof name !== 'string' || !/^(?:todo_)?test_/.test(name) || rule.args || seen.has(rule.name)) return false
    seen.add(rule.name)
    return true
  })
}

function runTest(policy: Policy, rule: RuleNode, coverage: Coverage): TestResult {
  const prints: string[] = []
  const common = { name: rule.name, file: rule.at.file, line: rule.at.line, prints }
  if (String(rule.path.at(-1)).startsWith('todo_')) return { ...common, outcome: 'skipped' }
  coverage.start(rule.id)
  try {
    const value = policy.trace(reference(rule), {}, { print: (text) => prints.push(text) }, coverage)
    if (value !== undefined && value !== false) return { ...common, outcome: 'passed' }
    const stopped = coverage.stoppedAt()
    return { ...common, outcome: 'failed', ...(stopped && { message: `stopped at line ${stopped.line}` }) }
  } catch (error) {
    if (!(error instanceof RegoError)) throw error
    return { ...common, outcome: 'error', message: error.message }
  }
}

function reference(rule: RuleNode): string {
  return rule.path.reduce<string>((path, key) => `${path}[${JSON.stringify(key)}]`, 'data')
}

/** Collects, over many evaluations, which lines were reached. */
class Coverage implements Tracer {
  readonly #places = new Map<number, Location>()
  readonly #lines = new Map<string, Map<number, boolean>>()
  /** Of the test that runs now: its rule, and which of its statements held. */
  #test = -1
  readonly #statements = new Map<Location, boolean>()

  constructor({ rules }: Compiled) {
    for (const rule of rules) {
      this.#places.set(rule.id, rule.at)
      if (rule.default) continue
      this.#line(rule.at, false)
      for (const { body } of rule.clauses) this.#statementLines(body)
    }
  }

  start(test: number): void {
    this.#test = test
    this.#statements.clear()
  }

  /** The first statement of the test that never held. */
  stoppedAt(): Location | undefined {
    return [...this.#statements].find(([, held]) => !held)?.[0]
  }

  entered(): void {}

  fired(rule: number): void {
    const at = this.#places.get(rule)
    if (at) this.#line(at, true)
  }

  reached(rule: number, at: Location): void {
    this.#line(at, true)
    if (rule === this.#test && !this.#statements.has(at)) this.#statements.set(at, false)
  }

  held(rule: number, at: Location): void {
    if (rule === this.#test) this.#statements.set(at, true)
  }

  files(): FileCoverage[] {
    return [...this.#lines]
      .filter(([file]) => file !== '' && !file.startsWith('<'))
      .map(([file, lines]) => {
        const sorted = [...lines].sort(([a], [b]) => a - b)
        const pick = (reached: boolean) => sorted.filter(([, one]) => one === reached).map(([line]) => line)
        return { file, covered: pick(true), uncovered: pick(false) }
      })
  }

  #statementLines(body: readonly Statement[]): void {
    for (const statement of body) {
      this.#line(statement.at, false)
      if (statement.s === 'every' || statement.s === 'not') this.#statementLines(statement.body)
    }
  }

  #line({ file, line }: Location, reached: boolean): void {
    const lines = this.#lines.get(file) ?? new Map<number, boolean>()
    this.#lines.set(file, lines)
    lines.set(line, reached || (lines.get(line) ?? false))
  }
}
