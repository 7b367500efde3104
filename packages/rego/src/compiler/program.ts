import { type Builtin, BuiltinError, OperandError } from '../builtins-api.js'
import { diagnostic, type Location, RegoError } from '../errors.js'
import type { Context } from '../eval/context.js'
import type { Value } from '../value.js'
import { Env } from './env.js'
import { type Group, makeGroup } from './group.js'
import { type CallNode, type Clause, Local, type RuleNode, type Statement } from './ir.js'
import type { RuleTree } from './rule-tree.js'
import { orderBody } from './safety.js'

/** Everything that the code of rules refers to. */
export class Program {
  readonly #groups = new Map<RuleTree, Group>()

  constructor(
    readonly data: Value,
    readonly tree: RuleTree,
    readonly builtins: ReadonlyMap<string, Builtin>,
    /** Rules report to the run's tracer what they do. */
    readonly tracing: boolean,
  ) {}

  groupOf(tree: RuleTree): Group {
    let group = this.#groups.get(tree)
    if (!group) {
      group = makeGroup(this, tree)
      this.#groups.set(tree, group)
    }
    return group
  }

  /** The rules at exactly this path. */
  groupAt(path: readonly Value[]): Group | undefined {
    let tree: RuleTree | undefined = this.tree
    for (const key of path) tree = tree?.child(key)
    return tree && tree.rules.length > 0 ? this.groupOf(tree) : undefined
  }

  /** How many operands a function takes; undefined when there is none of that name. */
  arity(call: CallNode): number | undefined {
    if (!call.path) return this.builtins.get(call.name)?.args.length
    return this.groupAt(call.path)?.tree.rules[0]?.args?.length
  }

  env(rule: RuleNode): Env {
    return new Env(this, rule.fresh, new Set(), rule.id)
  }

  /** The variable for a key that is known before a rule's body runs; in slot 1 of every frame. */
  wantedKey(at: Location): Local {
    return new Local('$key', 1, at)
  }

  /** A rule's body in an order that suits variables which are bound beforehand. */
  ordered(_rule: RuleNode, clause: Clause, bound: ReadonlySet<Local>): readonly Statement[] {
    return orderBody(clause.body, bound, (call) => this.arity(call)).body
  }

  callBuiltin(c: Context, builtin: Builtin, args: readonly Value[], at: Location): Value | undefined {
    if (c.mocks !== undefined) {
      const mock = c.mocks.get(builtin.name)
      if (mock) return mock(c, args)
    }
    try {
      const { run } = c
      if (--run.fuel < 0) run.exhausted()
      const value = builtin.run(run, ...args)
      if (value !== undefined) chargeSize(c, value)
      return value
    } catch (error) {
      return failed(c, builtin, error, at)
    }
  }
}

/** Texts and arrays that grow cost steps, so that a policy cannot double one until memory ends. */
function chargeSize(c: Context, value: Value): void {
  if (typeof value === 'string') {
    if (value.length > 1024) c.run.charge(value.length >> 6)
  } else if (Array.isArray(value) && value.length > 64) {
    c.run.charge(value.length)
  }
}

function failed(c: Context, { name }: Builtin, error: unknown, at: Location): undefined {
  if (error instanceof BuiltinError) {
    c.run.builtinError ??= diagnostic('eval_builtin_error', `${name}: ${error.message}`, at)
    return undefined
  }
  if (error instanceof OperandError) {
    c.run.builtinError ??= diagnostic('eval_type_error', `${name}: ${error.message}`, at)
    return undefined
  }
  if (error instanceof RegoError) throw error
  if (error instanceof RangeError) {
    throw RegoError.at('eval_limit_error', `${name}: the value is too large or too deeply nested`, at)
  }
  throw error
}
