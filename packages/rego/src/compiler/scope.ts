import { type Diagnostic, diagnostic, type Location } from '../errors.js'
import type { Body, Term } from '../syntax/ast.js'
import { Local } from './ir.js'

type Occurrence = 'referenced' | 'assigned' | 'declared' | 'arg'

/** The variables of one rule or query, body by body. */
export class RuleScope {
  /** Slot 0 is for what the rule makes, slot 1 for a key that is known beforehand. */
  slots = 2
  readonly #implicit = new Map<string, Local>()

  fresh(name: string, at: Location): Local {
    return new Local(name, this.slots++, at)
  }

  /** The local of a name that no body declares: one for the whole rule. */
  implicit(name: string, at: Location): Local {
    let local = this.#implicit.get(name)
    if (!local) {
      local = this.fresh(name, at)
      this.#implicit.set(name, local)
    }
    return local
  }

  implicits(): readonly Local[] {
    return [...this.#implicit.values()]
  }
}

/** The names that a body, or a rule's parameters, declare. */
export class Scope {
  readonly #declared = new Map<string, Local>()
  readonly #seen = new Map<string, Occurrence>()
  readonly #used = new Set<string>()
  readonly #some: { name: string; at: Location }[] = []

  constructor(
    readonly rule: RuleScope,
    /** Names that this scope declares anywhere in it: they hide rules and imports everywhere in it. */
    readonly names: ReadonlySet<string>,
    readonly parent: Scope | undefined,
    readonly report: (error: Diagnostic) => void,
    /** The names are a function's parameters: its body belongs to the same scope, so it cannot declare them again. */
    readonly parameters = false,
  ) {
    if (parent?.parameters) for (const name of parent.names) this.#seen.set(name, 'arg')
  }

  /** Whether a name is a variable here even if a rule or import has the same name. */
  hides(name: string): boolean {
    return this.names.has(name) || (this.parent?.hides(name) ?? false)
  }

  lookup(name: string, at: Location): Local {
    const local = this.#find(name)
    if (local) return local
    if (!this.#seen.has(name)) this.#seen.set(name, 'referenced')
    return this.rule.implicit(name, at)
  }

  #find(name: string): Local | undefined {
    const local = this.#declared.get(name)
    if (local) {
      this.#used.add(name)
      return local
    }
    return this.parent === undefined ? undefined : this.parent.#find(name)
  }

  declare(name: string, how: 'assigned' | 'declared' | 'arg', at: Location): Local {
    const before = this.#seen.get(name)
    if (name === 'input' || name === 'data') {
      const message = `variables must not shadow ${name} (use a different variable name)`
      this.report(diagnostic('rego_compile_error', message, at))
    } else if (before && !(how === 'arg' && before === 'arg')) {
      const message = before === 'arg' ? `arg ${name} redeclared` : `var ${name} ${before} above`
      this.report(diagnostic('rego_compile_error', message, at))
    }
    this.#seen.set(name, how)
    if (how === 'declared') this.#some.push({ name, at })
    const known = this.#declared.get(name)
    if (known) return known
    const local = this.rule.fresh(name, at)
    this.#declared.set(name, local)
    return local
  }

  /** Variables that were assigned and that nothing used. */
  unused(): Local[] {
    return [...this.#declared.values()].filter(({ name }) => {
      return this.#seen.get(name) === 'assigned' && !this.#used.has(name) && !name.startsWith('$')
    })
  }

  /** After the last statement: a variable that `some` declared and nothing used is a mistake. */
  close(): void {
    for (const { name, at } of this.#some) {
      if (!this.#used.has(name) && !name.startsWith('$')) {
        this.report(diagnostic('rego_compile_error', `declared var ${name} unused`, at))
      }
    }
  }
}

/** The names that a body's own statements declare with `:=` and `some`. */
export function declaredNames(body: Body): Set<string> {
  const names = new Set<string>()
  for (const { statement } of body) {
    if (statement.type === 'declare') for (const { name } of statement.vars) names.add(name)
    if (statement.type === 'some-in') {
      if (statement.key) patternNames(statement.key, names)
      patternNames(statement.value, names)
    }
    if (statement.type === 'term' && statement.term.type === 'call' && statement.term.operator === ':=') {
      const target = statement.term.args[0]
      if (target) patternNames(target, names)
    }
  }
  return names
}

/** The variables that a pattern on the left of `:=`, after `some` or among parameters binds. */
export function patternNames(term: Term, names: Set<string>): void {
  if (term.type === 'var') names.add(term.name)
  else if (term.type === 'array') for (const item of term.items) patternNames(item, names)
  else if (term.type === 'object') for (const [, value] of term.entries) patternNames(value, names)
}
