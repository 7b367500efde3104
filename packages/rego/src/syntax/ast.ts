/** The syntax tree, as written: nothing is resolved or rewritten yet. */
import type { Location } from '../errors.js'
import type { RegoNumber } from '../number.js'

export interface Span extends Location {
  /** Offsets into the source: of the first character, and after the last. */
  readonly start: number
  readonly end: number
}

export type Term =
  | ScalarTerm
  | VarTerm
  | RefTerm
  | CallTerm
  | { readonly type: 'array' | 'set'; readonly items: readonly Term[]; readonly at: Span }
  | ObjectTerm
  | ComprehensionTerm
  | TemplateTerm

export interface ScalarTerm {
  readonly type: 'scalar'
  readonly value: null | boolean | string | RegoNumber
  readonly at: Span
}

export interface VarTerm {
  readonly type: 'var'
  /** Wildcards have names of their own that start with `$`. */
  readonly name: string
  readonly at: Span
}

/** `head.a[b]`; the strings after dots are scalar terms. */
export interface RefTerm {
  readonly type: 'ref'
  readonly head: Term
  readonly path: readonly Term[]
  readonly at: Span
}

/** `name(args)` and operators, which are calls of their built-in: `x + 1` is `plus(x, 1)`, `x := 1` is `assign(x, 1)`. */
export interface CallTerm {
  readonly type: 'call'
  /** A variable, or a reference of constant strings. */
  readonly callee: Term
  readonly args: readonly Term[]
  /** The operator as written, when it was one. */
  readonly operator?: string
  readonly at: Span
}

export interface ObjectTerm {
  readonly type: 'object'
  readonly entries: readonly (readonly [Term, Term])[]
  readonly at: Span
}

export interface ComprehensionTerm {
  readonly type: 'comprehension'
  readonly kind: 'array' | 'set' | 'object'
  /** The key of an object comprehension. */
  readonly key?: Term
  readonly value: Term
  readonly body: Body
  readonly at: Span
}

/** `$"text {x}"`: texts and expressions in turn. */
export interface TemplateTerm {
  readonly type: 'template'
  readonly parts: readonly (string | Literal)[]
  readonly at: Span
}

export type Body = readonly Literal[]

/** One statement of a body. */
export interface Literal {
  readonly statement: Statement
  readonly negated: boolean
  readonly with: readonly With[]
  readonly at: Span
}

export type Statement =
  | { readonly type: 'term'; readonly term: Term }
  /** `some x, y` */
  | { readonly type: 'declare'; readonly vars: readonly VarTerm[] }
  /** `some k, v in xs` */
  | { readonly type: 'some-in'; readonly key?: Term; readonly value: Term; readonly domain: Term }
  | { readonly type: 'every'; readonly key?: Term; readonly value: Term; readonly domain: Term; readonly body: Body }
  /** `not { … }` with `import future.keywords.not` */
  | { readonly type: 'not'; readonly body: Body }

export interface With {
  readonly target: Term
  readonly value: Term
  readonly at: Span
}

export interface Head {
  /** The name and what follows it: `p`, `p.q[x].r`. */
  readonly ref: readonly Term[]
  /** Parameters, when it is a function. */
  readonly args?: readonly Term[]
  /** `contains key` */
  readonly key?: Term
  /** The value; absent when it is the implicit `true`. */
  readonly value?: Term
  readonly operator?: ':=' | '='
  readonly at: Span
}

export interface Rule {
  readonly head: Head
  readonly default: boolean
  /** Absent when the rule has none, as `p := 1`. */
  readonly body?: Body
  /** Further bodies: `p if { … } { … }`. */
  readonly more: readonly { readonly body: Body; readonly at: Span }[]
  readonly else?: Else
  readonly at: Span
}

export interface Else {
  readonly value?: Term
  readonly operator?: ':=' | '='
  readonly body?: Body
  readonly else?: Else
  readonly at: Span
}

export interface Import {
  readonly path: readonly string[]
  readonly alias?: string
  readonly at: Span
}

export interface Comment {
  /** Without the `#`. */
  readonly text: string
  readonly at: Span
}

export interface Module {
  readonly file: string
  readonly source: string
  readonly package: { readonly path: readonly string[]; readonly at: Span }
  readonly imports: readonly Import[]
  readonly rules: readonly Rule[]
  readonly comments: readonly Comment[]
}
