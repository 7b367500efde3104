import { RegoError } from '../errors.js'
import type { Context } from '../eval/context.js'
import { baseAt } from '../eval/place.js'
import { equal, type Key, keyOf, lookup, RegoSet, type Value } from '../value.js'
import {
  emitComplete,
  emitFunction,
  emitObjectMember,
  emitObjectRule,
  emitSetMember,
  emitSetRule,
  type RunFunction,
  type RunMember,
  type RunPartial,
  type RunRule,
} from './emit-rule.js'
import type { Node, RuleNode } from './ir.js'
import { PartialObject } from './partial-object.js'
import type { Program } from './program.js'
import type { RuleTree } from './rule-tree.js'

export type GroupKind = 'complete' | 'function' | 'set' | 'object'

/** All rules of one name: they make one document, or are one function. Compiled when first used. */
export abstract class Group {
  readonly path: readonly Value[]
  #epoch = 0
  #value: Value | undefined

  constructor(
    protected readonly program: Program,
    readonly tree: RuleTree,
    readonly kind: GroupKind,
  ) {
    this.path = tree.path
  }

  /** The whole document; undefined for functions. */
  value(c: Context): Value | undefined {
    if (this.#epoch === c.epoch) return this.#value
    const value = c.targets !== undefined && c.isReplaced(this.path) ? baseAt(c, this.path) : this.compute(c)
    this.#epoch = c.epoch
    this.#value = value
    return value
  }

  /** What the document has under a key. */
  member(c: Context, key: Value): Value | undefined {
    const value = this.value(c)
    return value === undefined ? undefined : lookup(value, key)
  }

  /** The function's value for operands; undefined for documents. */
  call(_c: Context, _args: readonly Value[]): Value | undefined {
    return undefined
  }

  protected hasValue(c: Context): boolean {
    return this.#epoch === c.epoch
  }

  protected abstract compute(c: Context): Value | undefined

  protected enter(c: Context, rule: RuleNode): void {
    if (--c.run.fuel < 0) c.run.exhausted()
    this.program.onEnter?.(rule)
    c.run.tracer?.entered(rule.id)
  }
}

export function makeGroup(program: Program, tree: RuleTree): Group {
  const { rules } = tree
  if (rules.some((rule) => rule.args)) return new FunctionGroup(program, tree, 'function')
  if (rules.some((rule) => pathOf(rule, tree).length > 0)) return new ObjectGroup(program, tree, 'object')
  if (rules.some((rule) => rule.key)) return new SetGroup(program, tree, 'set')
  return new CompleteGroup(program, tree, 'complete')
}

/** Where below the group's path a rule puts its values. */
function pathOf(rule: RuleNode, tree: RuleTree): readonly Node[] {
  const rest = rule.path.slice(tree.path.length)
  return [...rest.map((value): Node => ({ n: 'const', value, at: rule.at })), ...rule.suffix]
}

interface Compiled<Run> {
  readonly rule: RuleNode
  readonly run: Run
}

class CompleteGroup extends Group {
  #rules: readonly Compiled<RunRule>[] | undefined
  #default: RunRule | undefined
  /** All rules have this one value, so the first that holds decides. */
  #same = false

  protected compute(c: Context): Value | undefined {
    const rules = this.#rules ?? this.#compile()
    let found: Value | undefined
    for (const { rule, run } of rules) {
      this.enter(c, rule)
      const value = run(c)
      if (value === undefined) continue
      if (found === undefined) {
        if (this.#same) return value
        found = value
      } else if (!equal(found, value)) {
        throw RegoError.at('eval_conflict_error', 'complete rules must not produce multiple outputs', rule.at)
      }
    }
    return found ?? this.#default?.(c)
  }

  #compile(): readonly Compiled<RunRule>[] {
    const { program, tree } = this
    const normal = tree.rules.filter((rule) => !rule.default)
    this.#same = haveSameValue(normal)
    const otherwise = tree.rules.find((rule) => rule.default)
    if (otherwise) this.#default = emitComplete(otherwise, program)
    this.#rules = normal.map((rule) => ({ rule, run: emitComplete(rule, program) }))
    return this.#rules
  }
}

function haveSameValue(rules: readonly RuleNode[]): boolean {
  const values: Value[] = []
  for (const { value } of rules.flatMap((rule) => rule.clauses)) {
    if (value.n !== 'const') return false
    values.push(value.value)
  }
  const [first] = values
  return first !== undefined && values.every((value) => equal(value, first))
}

class FunctionGroup extends Group {
  #rules: readonly Compiled<RunFunction>[] | undefined
  #default: RunFunction | undefined
  #same = false

  protected compute(): undefined {
    return undefined
  }

  override call(c: Context, args: readonly Value[]): Value | undefined {
    const rules = this.#rules ?? this.#compile()
    let found: Value | undefined
    for (const { rule, run } of rules) {
      this.enter(c, rule)
      const value = run(c, args)
      if (value === undefined) continue
      if (found === undefined) {
        if (this.#same) return value
        found = value
      } else if (!equal(found, value)) {
        throw RegoError.at(
          'eval_conflict_error',
          'functions must not produce multiple outputs for same inputs',
          rule.at,
        )
      }
    }
    return found ?? this.#default?.(c, args)
  }

  #compile(): readonly Compiled<RunFunction>[] {
    const { program, tree } = this
    const normal = tree.rules.filter((rule) => !rule.default)
    this.#same = haveSameValue(normal)
    const otherwise = tree.rules.find((rule) => rule.default)
    if (otherwise) this.#default = emitFunction(otherwise, program)
    this.#rules = normal.map((rule) => ({ rule, run: emitFunction(rule, program) }))
    return this.#rules
  }
}

class SetGroup extends Group {
  #rules: readonly Compiled<RunPartial<RegoSet>>[] | undefined
  #members: readonly Compiled<RunMember<RegoSet>>[] | undefined
  #epochOfKeys = 0
  readonly #keys = new Map<Key, Value | undefined>()

  protected compute(c: Context): Value {
    this.#rules ??= this.tree.rules.map((rule) => ({ rule, run: emitSetRule(rule, this.program) }))
    const set = new RegoSet()
    for (const { rule, run } of this.#rules) {
      this.enter(c, rule)
      run(c, set)
    }
    return set
  }

  override member(c: Context, key: Value): Value | undefined {
    if (this.hasValue(c) || c.isReplaced(this.path)) return super.member(c, key)
    if (this.#epochOfKeys !== c.epoch) {
      this.#keys.clear()
      this.#epochOfKeys = c.epoch
    }
    const id = keyOf(key)
    if (this.#keys.has(id)) return this.#keys.get(id)
    // Many different keys: the whole set once costs less.
    if (this.#keys.size >= 8) return super.member(c, key)
    this.#members ??= this.tree.rules.map((rule) => ({ rule, run: emitSetMember(rule, this.program) }))
    const found = new RegoSet()
    for (const { rule, run } of this.#members) {
      this.enter(c, rule)
      run(c, found, key)
      if (found.size > 0) break
    }
    const [value] = found.sorted()
    if (this.#epochOfKeys === c.epoch) this.#keys.set(id, value)
    return value
  }
}

class ObjectGroup extends Group {
  #rules: readonly Compiled<RunPartial<PartialObject>>[] | undefined
  #members: readonly Compiled<RunMember<PartialObject>>[] | undefined
  #epochOfKeys = 0
  readonly #keys = new Map<Key, Value | undefined>()

  protected compute(c: Context): Value {
    const { program, tree } = this
    this.#rules ??= tree.rules.map((rule) => ({ rule, run: emitObjectRule(rule, pathOf(rule, tree), program) }))
    const object = new PartialObject()
    for (const { rule, run } of this.#rules) {
      this.enter(c, rule)
      run(c, object)
    }
    return object.toObject()
  }

  override member(c: Context, key: Value): Value | undefined {
    const { program, tree } = this
    if (this.hasValue(c) || c.isReplaced(this.path)) return super.member(c, key)
    if (this.#epochOfKeys !== c.epoch) {
      this.#keys.clear()
      this.#epochOfKeys = c.epoch
    }
    const id = keyOf(key)
    if (this.#keys.has(id)) return this.#keys.get(id)
    this.#members ??= tree.rules.map((rule) => ({ rule, run: emitObjectMember(rule, pathOf(rule, tree), program) }))
    const object = new PartialObject()
    for (const { rule, run } of this.#members) {
      this.enter(c, rule)
      run(c, object, key)
    }
    const value = object.toObject().get(key)
    if (this.#epochOfKeys === c.epoch) this.#keys.set(id, value)
    return value
  }
}
