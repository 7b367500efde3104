import type { Location } from '../errors.js'
import type { Local } from './ir.js'
import type { Program } from './program.js'

/** Where in a body the compiler stands: the variables that are bound there. */
export class Env {
  constructor(
    readonly program: Program,
    /** A further slot in the rule's frame. */
    readonly fresh: (at: Location) => Local,
    readonly bound: ReadonlySet<Local>,
    /** The rule whose body it is, for traces. */
    readonly rule: number,
  ) {}

  binding(...locals: readonly Local[]): Env {
    if (locals.every((local) => this.bound.has(local))) return this
    return new Env(this.program, this.fresh, new Set([...this.bound, ...locals]), this.rule)
  }
}
