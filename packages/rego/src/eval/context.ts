import type { BuiltinContext } from '../builtins-api.js'
import { type Diagnostic, type Location, NOWHERE, RegoError } from '../errors.js'
import { equal, isObject, objectEntries, objectGet, RegoObject, type Value } from '../value.js'
import type { Tracer } from './tracer.js'

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

export interface RunOptions {
  readonly nowNs?: bigint | number
  readonly randomBytes?: (length: number) => Uint8Array
  readonly print?: (text: string, at: Location) => void
}

// Steps differ in what they cost: a sum of a long array is one, and so is a comparison. So now and then the clock is
// asked too, and whatever the steps were, a decision ends.
const SLICE = 256
const LONGEST_MS = 2_000

/** One evaluation, through all its contexts: time, limits, and the errors that built-ins made. */
export class Run implements BuiltinContext {
  /** Steps until the next look at what is left, of steps and of time. */
  fuel: number
  /** Steps that are left after those. */
  #reserve: number
  /** Set at the first look: most decisions end before it, and reading the clock would be a fifth of their cost. */
  #deadline = 0
  /** The first error of a built-in; raised at the end when errors are strict. */
  builtinError: Diagnostic | undefined
  readonly #maxSteps: number
  readonly #options: RunOptions | undefined
  readonly tracer: Tracer | undefined
  #nowNs: bigint | undefined
  #cache: Map<string, unknown> | undefined

  constructor(maxSteps: number, options: RunOptions | undefined, tracer: Tracer | undefined) {
    this.fuel = Math.min(SLICE, maxSteps)
    this.#reserve = maxSteps - this.fuel
    this.#maxSteps = maxSteps
    this.#options = options
    this.tracer = tracer
  }

  get nowNs(): bigint {
    this.#nowNs ??= BigInt(this.#options?.nowNs ?? BigInt(Date.now()) * 1_000_000n)
    return this.#nowNs
  }

  get cache(): Map<string, unknown> {
    this.#cache ??= new Map()
    return this.#cache
  }

  get print(): RunOptions['print'] {
    return this.#options?.print
  }

  randomBytes(length: number): Uint8Array {
    return this.#options?.randomBytes?.(length) ?? globalThis.crypto.getRandomValues(new Uint8Array(length))
  }

  charge(steps: number): void {
    this.fuel -= steps
    if (this.fuel < 0) this.exhausted()
  }

  /** Goes on with what is left, if anything is. */
  exhausted(): void {
    const left = this.#reserve + this.fuel
    if (left < 0) throw this.#stopped(`${this.#maxSteps} steps`)
    if (this.#deadline === 0) this.#deadline = Date.now() + LONGEST_MS
    else if (Date.now() > this.#deadline) throw this.#stopped(`${LONGEST_MS / 1000} seconds`)
    this.fuel = Math.min(SLICE, left)
    this.#reserve = left - this.fuel
  }

  /** The end of an evaluation that found more than may be told. */
  overflow(most: number): never {
    throw this.#stopped(`${most} results`)
  }

  #stopped(after: string): RegoError {
    const message = `evaluation stopped after ${after}: the policy does too much work for one decision`
    return RegoError.at('eval_limit_error', message, NOWHERE)
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
