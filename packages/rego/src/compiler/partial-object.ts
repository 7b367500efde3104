import { equal, type Key, keyOf, RegoObject, RegoSet, type Value } from '../value.js'

type Item =
  | { readonly kind: 'level'; readonly key: Value; readonly level: PartialObject }
  | { readonly kind: 'set'; readonly key: Value; readonly set: RegoSet }
  | { readonly kind: 'value'; readonly key: Value; readonly value: Value }

/** An object that several rules make together, each adding entries at a path. */
export class PartialObject {
  readonly #items = new Map<Key, Item>()

  /** Puts a value at a path; false when another is there. */
  set(path: readonly Value[], value: Value): boolean {
    const level = this.#levelOf(path)
    const key = path.at(-1)
    if (!level || key === undefined) return false
    const id = keyOf(key)
    const before = level.#items.get(id)
    if (before) return before.kind === 'value' && equal(before.value, value)
    level.#items.set(id, { kind: 'value', key, value })
    return true
  }

  /** Adds an element to the set at a path; false when something else is there. */
  add(path: readonly Value[], element: Value): boolean {
    const level = this.#levelOf(path)
    const key = path.at(-1)
    if (!level || key === undefined) return false
    const id = keyOf(key)
    let item = level.#items.get(id)
    if (!item) {
      item = { kind: 'set', key, set: new RegoSet() }
      level.#items.set(id, item)
    }
    if (item.kind !== 'set') return false
    item.set.add(element)
    return true
  }

  toObject(): RegoObject {
    const object = new RegoObject()
    for (const item of this.#items.values()) {
      object.set(item.key, item.kind === 'level' ? item.level.toObject() : item.kind === 'set' ? item.set : item.value)
    }
    return object
  }

  #levelOf(path: readonly Value[]): PartialObject | undefined {
    let level: PartialObject = this
    for (const key of path.slice(0, -1)) {
      const id = keyOf(key)
      let item = level.#items.get(id)
      if (!item) {
        item = { kind: 'level', key, level: new PartialObject() }
        level.#items.set(id, item)
      }
      if (item.kind !== 'level') return undefined
      level = item.level
    }
    return level
  }
}
