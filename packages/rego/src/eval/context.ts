import type { BuiltinContext } from '../builtins-api.js'
import { type Diagnostic, type Location, RegoError } from '../errors.js'
import { equal, isObject, objectEntries, objectGet, RegoObject, type Value } from '../value.js'

/** What stands in for a function inside a `with`. */
export type Mock = (c: Context, args: readonly Value[]) => Value | undefined

let epochs = 0

/** What the rules of an evaluation see: the documents, and what `with` replaced. Results of rules are kept per context. */
export class Context {
  /** Names this context in the rules' caches. */
  readonly epoch = ++epochs

  constructor(
    readonly run: Run,
    readonly input: Value | undefined,
    readonly data: Value,
    /** Paths below `data` that `with` gave values to: rules at or below them are out of sight. */
    readonly targets: readonly (readonly Value[])[] | undefined,
    readonly mocks: ReadonlyMap<string, Mock> | undefined,
  ) {}

  /** Whether `with` replaced the document at a path. */
  isReplaced(path: readonly Value[]): boolean {
    if (this.targets === undefined) return false
    return this.targets.some(
      (target) => target.length <= path.length && target.every((key, at) => equal(key, path[at] as Value)),
    )
  }
}

/** What happened, for `explain` and coverage. */
export interface Tracer {
  entered(rule: number): void
  /** A rule's body held, with this value. */
  fired(rule: number, clause: number, value: Value): void
  /** A statement was reached. */
  reached(rule: number, at: Location): void
  /** A statement held. */
  held(rule: number, at: Location): void
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

/** A document with another value at a path; objects on the way are copied, anything else there is replaced. */
export function patched(document: Value | undefined, path: readonly Value[], value: Value): Value {
  const [key, ...rest] = path
  if (key === undefined) return value
  const copy = new RegoObject()
  if (document !== undefined && isObject(document)) {
    for (const [name, member] of objectEntries(document)) copy.set(name, member)
    return copy.set(key, patched(objectGet(document, key), rest, value))
  }
  return copy.set(key, patched(undefined, rest, value))
}
