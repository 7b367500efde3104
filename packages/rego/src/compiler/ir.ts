/** The program after names are resolved: every variable is a slot, every reference starts at `input`, `data` or a term. */
import type { Location } from '../errors.js'
import type { Value } from '../value.js'

/** A variable of one rule. Two of the same name in different scopes are two locals. */
export class Local {
  constructor(
    readonly name: string,
    readonly slot: number,
    /** Where it is first seen, for messages. */
    readonly at: Location,
  ) {}

  /** Wildcards and variables of the compiler's own. */
  get generated(): boolean {
    return this.name.startsWith('$')
  }
}

export type Node =
  | { readonly n: 'const'; readonly value: Value; readonly at: Location }
  | { readonly n: 'local'; readonly local: Local; readonly at: Location }
  | RefNode
  | CallNode
  | { readonly n: 'array' | 'set'; readonly items: readonly Node[]; readonly at: Location }
  | { readonly n: 'object'; readonly entries: readonly (readonly [Node, Node])[]; readonly at: Location }
  | ComprehensionNode
  | { readonly n: 'template'; readonly parts: readonly (string | Part)[]; readonly at: Location }

export interface RefNode {
  readonly n: 'ref'
  readonly base: 'input' | 'data' | Node
  readonly path: readonly Node[]
  readonly at: Location
}

export interface CallNode {
  readonly n: 'call'
  /** A built-in's name, or a function's full path with dots. */
  readonly name: string
  /** The function's path below `data`; absent for a built-in. */
  readonly path?: readonly string[]
  readonly args: readonly Node[]
  readonly at: Location
}

export interface ComprehensionNode {
  readonly n: 'comprehension'
  readonly kind: 'array' | 'set' | 'object'
  readonly key?: Node
  readonly value: Node
  readonly body: readonly Statement[]
  readonly at: Location
}

/** An expression in a template string. */
export interface Part {
  readonly node: Node
  readonly with: readonly WithNode[]
}

export type Statement = {
  readonly with: readonly WithNode[]
  readonly at: Location
} & (
  | { readonly s: 'term'; readonly node: Node }
  | { readonly s: 'unify'; readonly left: Node; readonly right: Node }
  | {
      readonly s: 'every'
      readonly key?: Local
      readonly value: Local
      readonly domain: Node
      readonly body: readonly Statement[]
    }
  /** `inside` is a `not` whose operands are evaluated inside the negation (`import future.keywords.not`). */
  | { readonly s: 'not'; readonly inside: boolean; readonly explicit: boolean; readonly body: readonly Statement[] }
)

export interface WithNode {
  readonly target:
    | { readonly kind: 'input' | 'data'; readonly path: readonly string[] }
    | { readonly kind: 'builtin'; readonly name: string }
  readonly value: Node
  /** The function that replaces another, when the value names one. */
  readonly replacement?: { readonly name: string; readonly path?: readonly string[] }
  readonly at: Location
}

/** One head and body of a rule; an `else` is a further one. */
export interface Clause {
  readonly value: Node
  readonly body: readonly Statement[]
  readonly at: Location
}

export interface RuleNode {
  /** The constant front of the reference, below `data`. */
  readonly path: readonly Value[]
  /** What follows from the first variable on. */
  readonly suffix: readonly Node[]
  readonly args?: readonly Node[]
  /** The element that a `contains` rule adds. */
  readonly key?: Node
  readonly default: boolean
  /** The rule and its `else` branches in order; at least one. */
  readonly clauses: readonly [Clause, ...Clause[]]
  /** How many slots the rule's locals need. */
  readonly slots: () => number
  /** A further slot, for the compiler's own values. */
  readonly fresh: (at: Location) => Local
  readonly at: Location
  readonly module: number
  /** Position among all rules, for a stable order and for reports. */
  readonly id: number
  readonly name: string
}
