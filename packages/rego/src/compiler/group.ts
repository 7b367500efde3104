/** All rules of one name: they make one document, or are one function. Turned into code when first used. */
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
} from './emit-rule.js'
import type { Node, RuleNode } from './ir.js'
import { PartialObject } from './partial-object.js'
import type { Program } from './program.js'
import { type FindRules, indexRules } from './rule-index.js'
import type { RuleTree } from './rule-tree.js'

export type GroupKind = 'complete' | 'function' | 'set' | 'object'

const NO_ARGS: readonly Value[] = []
/** So many keys of a set are looked for one by one; after that the whole set is made, which then costs less. */
const MAX_KEYS = 8

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

  protected abstract compute(c: Context): Value | undefined

  /** The whole value is known already, or nothing is to be evaluated for it. */
  protected isSettled(c: Context): boolean {
    return this.#epoch === c.epoch || (c.targets !== undefined && c.isReplaced(this.path))
  }
}

export function makeGroup(program: Program, tree: RuleTree): Group {
  const { rules } = tree
  if (rules.some((rule) => rule.args)) return new FunctionGroup(program, tree)
  if (rules.some((rule) => pathOf(rule, tree).length > 0)) return new ObjectGroup(program, tree)
  if (rules.some((rule) => rule.key)) return new SetGroup(program, tree)
  return new CompleteGroup(program, tree)
}

/** Where below the group's path a rule puts its values. */
function pathOf(rule: RuleNode, tree: RuleTree): readonly Node[] {
  const rest = rule.path.slice(tree.path.length)
  return [...rest.map((value): Node => ({ n: 'const', value, at: rule.at })), ...rule.suffix]
}

interface Code<Run> {
  readonly rule: RuleNode
  readonly run: Run
}

/** The code of a group's rules, and which of them can hold. */
class RuleSet<Run> {
  readonly #find: FindRules<Code<Run>>

  constructor(
    readonly program: Program,
    rules: readonly RuleNode[],
    emit: (rule: RuleNode) => Run,
  ) {
    const all = rules.map((rule) => ({ rule, run: emit(rule) }))
    // A trace shows why a rule did not hold, so there every one is tried.
    this.#find = (program.tracing ? undefined : indexRules(all)) ?? (() => all)
  }

  find(c: Context, args: readonly Value[]): readonly Code<Run>[] {
    return this.#find(c, args)
  }

  enter(c: Context, rule: RuleNode): void {
    if (--c.run.fuel < 0) c.run.exhausted()
    if (c.run.tracer !== undefined) c.run.tracer.entered(rule.id)
  }
}

type RunValue = (c: Context, args: readonly Value[]) => Value | undefined

/** Rules that have one value together: complete rules and functions. */
class ValueRules {
  readonly #rules: RuleSet<RunValue>
  readonly #default: RunValue | undefined
  /** All rules have this one value, so the first that holds decides. */
  readonly #same: boolean

  constructor(
    program: Program,
    tree: RuleTree,
    emit: (rule: RuleNode) => RunValue,
    readonly conflict: string,
  ) {
    const normal = tree.rules.filter((rule) => !rule.default)
    const otherwise = tree.rules.find((rule) => rule.default)
    this.#rules = new RuleSet(program, normal, emit)
    this.#default = otherwise && emit(otherwise)
    this.#same = haveSameValue(normal) && !program.tracing
  }

  value(c: Context, args: readonly Value[]): Value | undefined {
    const rules = this.#rules
    let found: Value | undefined
    for (const { rule, run } of rules.find(c, args)) {
      rules.enter(c, rule)
      const value = run(c, args)
      if (value === undefined) continue
      if (this.#same) return value
      if (found === undefined) found = value
      else if (!equal(found, value)) throw RegoError.at('eval_conflict_error', this.conflict, rule.at)
    }
    return found === undefined && this.#default !== undefined ? this.#default(c, args) : found
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

class CompleteGroup extends Group {
  #rules: ValueRules | undefined

  constructor(program: Program, tree: RuleTree) {
    super(program, tree, 'complete')
  }

  protected compute(c: Context): Value | undefined {
    this.#rules ??= new ValueRules(
      this.program,
      this.tree,
      (rule) => emitComplete(rule, this.program),
      'complete rules must not produce multiple outputs',
    )
    return this.#rules.value(c, NO_ARGS)
  }
}

class FunctionGroup extends Group {
  #rules: ValueRules | undefined

  constructor(program: Program, tree: RuleTree) {
    super(program, tree, 'function')
  }

  protected compute(): undefined {
    return undefined
  }

  override call(c: Context, args: readonly Value[]): Value | undefined {
    this.#rules ??= new ValueRules(
      this.program,
      this.tree,
      (rule) => emitFunction(rule, this.program),
      'functions must not produce multiple outputs for same inputs',
    )
    return this.#rules.value(c, args)
  }
}

/** Answers for single keys, for one context at a time. */
class KeyCache {
  #epoch = 0
  readonly #values = new Map<Key, Value | undefined>()

  /** The cached answers in a context. */
  for(c: Context): Map<Key, Value | undefined> {
    if (this.#epoch !== c.epoch) {
      this.#values.clear()
      this.#epoch = c.epoch
    }
    return this.#values
  }
}

class SetGroup extends Group {
  readonly #keys = new KeyCache()
  #all: RuleSet<ReturnType<typeof emitSetRule>> | undefined
  #one: RuleSet<ReturnType<typeof emitSetMember>> | undefined

  constructor(program: Program, tree: RuleTree) {
    super(program, tree, 'set')
  }

  protected compute(c: Context): Value {
    const { program, tree } = this
    this.#all ??= new RuleSet(program, tree.rules, (rule) => emitSetRule(rule, program))
    const set = new RegoSet()
    for (const { rule, run } of this.#all.find(c, NO_ARGS)) {
      this.#all.enter(c, rule)
      run(c, set)
    }
    return set
  }

  override member(c: Context, key: Value): Value | undefined {
    if (this.isSettled(c)) return super.member(c, key)
    const id = keyOf(key)
    const keys = this.#keys.for(c)
    if (keys.has(id)) return keys.get(id)
    if (keys.size >= MAX_KEYS) return super.member(c, key)
    const { program, tree } = this
    this.#one ??= new RuleSet(program, tree.rules, (rule) => emitSetMember(rule, program))
    const found = new RegoSet()
    for (const { rule, run } of this.#one.find(c, NO_ARGS)) {
      this.#one.enter(c, rule)
      run(c, found, key)
      if (found.size > 0) break
    }
    const value = found.size > 0 ? key : undefined
    this.#keys.for(c).set(id, value)
    return value
  }
}

class ObjectGroup extends Group {
  readonly #keys = new KeyCache()
  #all: RuleSet<ReturnType<typeof emitObjectRule>> | undefined
  #one: RuleSet<ReturnType<typeof emitObjectMember>> | undefined

  constructor(program: Program, tree: RuleTree) {
    super(program, tree, 'object')
  }

  protected compute(c: Context): Value {
    const { program, tree } = this
    this.#all ??= new RuleSet(program, tree.rules, (rule) => emitObjectRule(rule, pathOf(rule, tree), program))
    const object = new PartialObject()
    for (const { rule, run } of this.#all.find(c, NO_ARGS)) {
      this.#all.enter(c, rule)
      run(c, object)
    }
    return object.toObject()
  }

  override member(c: Context, key: Value): Value | undefined {
    if (this.isSettled(c)) return super.member(c, key)
    const id = keyOf(key)
    const keys = this.#keys.for(c)
    if (keys.has(id)) return keys.get(id)
    const { program, tree } = this
    this.#one ??= new RuleSet(program, tree.rules, (rule) => emitObjectMember(rule, pathOf(rule, tree), program))
    const object = new PartialObject()
    for (const { rule, run } of this.#one.find(c, NO_ARGS)) {
      this.#one.enter(c, rule)
      run(c, object, key)
    }
    const value = object.toObject().get(key)
    this.#keys.for(c).set(id, value)
    return value
  }
}
