import type { BuiltinContext } from '../builtins-api.js'
import { type Diagnostic, type Location, RegoError } from '../errors.js'
import type { Value } from '../value.js'

/** What stands in for a function inside a `with`. */
export type Mock =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'function'; readonly call: (c: Context, args: readonly Value[]) => Value | undefined }

/** Values that `with` puts at paths below `data`. */
export class Overlay {
  readonly children = new Map<unknown, Overlay>()
  value: Value | undefined

  copy(): Overlay {
    const copy = new Overlay()
    copy.value = this.value
    for (const [key, child] of this.children) copy.children.set(key, child.copy())
    return copy
  }
}

let epochs = 0

/** What the rules of an evaluation see: the documents, and what `with` replaced. Results of rules are kept per context. */
export class Context {
  /** Names this context in the rules' caches. */
  readonly epoch = ++epochs

  constructor(
    readonly run: Run,
    readonly input: Value | undefined,
    readonly data: Value,
    readonly overlay: Overlay | undefined,
    readonly mocks: ReadonlyMap<string, Mock> | undefined,
  ) {}
}

/** What happened, for `explain` and coverage. */
export interface Tracer {
  entered(rule: number): void
  /** A rule's body held. */
  fired(rule: number, at: Location, value: Value): void
  /** A rule's body did not hold, after its statement at this place. */
  failed(rule: number): void
  /** A statement was reached, and whether it held. */
  statement(at: Location): void
  held(at: Location): void
}

export interface RunOptions {
  readonly maxSteps: number
  readonly nowNs: bigint
  readonly randomBytes: (length: number) => Uint8Array
  readonly tracer: Tracer | undefined
  readonly print: ((text: string, at: Location) => void) | undefined
}

/** One evaluation, through all its contexts: time, limits, and the errors that built-ins made. */
export class Run implements BuiltinContext {
  fuel: number
  readonly nowNs: bigint
  readonly cache = new Map<string, unknown>()
  readonly randomBytes: (length: number) => Uint8Array
  readonly tracer: Tracer | undefined
  readonly print: RunOptions['print']
  /** The first error of a built-in; raised at the end when errors are strict. */
  builtinError: Diagnostic | undefined
  readonly #maxSteps: number

  constructor(options: RunOptions) {
    this.fuel = options.maxSteps
    this.#maxSteps = options.maxSteps
    this.nowNs = options.nowNs
    this.randomBytes = options.randomBytes
    this.tracer = options.tracer
    this.print = options.print
  }

  charge(steps: number): void {
    this.fuel -= steps
    if (this.fuel < 0) this.exhausted()
  }

  exhausted(): never {
    const message = `evaluation stopped after ${this.#maxSteps} steps: the policy does too much work for one decision`
    throw RegoError.at('eval_limit_error', message, { file: '', line: 1, column: 1 })
  }
}

/** The slots of a rule's variables, and slot 0 for what the rule is making. */
export type Frame = (Value | Context | undefined)[]
/** Computes a term whose variables are all bound. */
export type Eval = (c: Context, f: Frame) => Value | undefined
/** Goes on with a body; true when enough solutions were found. */
export type Step = (c: Context, f: Frame) => boolean
