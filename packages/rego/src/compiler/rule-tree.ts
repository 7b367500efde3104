import { type Key, keyOf, type Value } from '../value.js'
import type { RuleNode } from './ir.js'

/** The rules below `data` by their constant paths. */
export class RuleTree {
  readonly children = new Map<Key, RuleTree>()
  /** Rules at this path; with general references also those below, since they make one object. */
  rules: RuleNode[] = []

  constructor(
    readonly key: Value,
    readonly parent: RuleTree | undefined,
  ) {}

  /** The packages are there even without rules, as empty objects. */
  static of(rules: readonly RuleNode[], packages: readonly (readonly string[])[]): RuleTree {
    const root = new RuleTree('data', undefined)
    for (const path of packages) {
      let node = root
      for (const key of path) node = node.child(key) ?? node.#add(key)
    }
    for (const rule of rules) {
      let node = root
      for (const key of rule.path) node = node.child(key) ?? node.#add(key)
      node.rules.push(rule)
    }
    root.#absorb()
    return root
  }

  child(key: Value): RuleTree | undefined {
    return this.children.get(keyOf(key))
  }

  /** The path below `data`. */
  get path(): readonly Value[] {
    return this.parent ? [...this.parent.path, this.key] : []
  }

  /** Every node with rules. */
  *groups(): Iterable<RuleTree> {
    if (this.rules.length > 0) yield this
    for (const child of this.children.values()) yield* child.groups()
  }

  #add(key: Value): RuleTree {
    const node = new RuleTree(key, this)
    this.children.set(keyOf(key), node)
    return node
  }

  /** `p[x] := …` beside `p.a := …`: both are entries of the object `p`. */
  #absorb(): void {
    if (this.rules.some((rule) => rule.suffix.length > 0)) {
      for (const child of this.children.values()) {
        for (const { rules } of child.groups()) this.rules.push(...rules)
      }
      this.children.clear()
      return
    }
    for (const child of this.children.values()) child.#absorb()
  }
}
