/** `$ref` inside one document: by JSON Pointer, or by an `$id` that a part of it has. Nothing is fetched. */
import { BuiltinError } from '../../builtins-api.js'
import { isArray, isObject, type ObjectValue, objectEntries, objectGet, type Value } from '../../value.js'
import { unescapeBytes } from '../go/url.js'

export interface Target {
  readonly node: Value
  /** What references inside are relative to. */
  readonly base: string
}

export class References {
  /** Parts of the document by the reference that their `$id` makes. */
  readonly #byId = new Map<string, Target>()

  constructor(readonly document: Value) {
    this.#byId.set('', { node: document, base: '' })
    this.#collect(document, '')
  }

  /** Draft 4 called it `id`. */
  idKeyword(node: ObjectValue): 'id' | '$id' {
    return objectGet(node, 'id') !== undefined ? 'id' : '$id'
  }

  resolve(base: string, reference: string): string {
    if (reference.startsWith('#')) return base.replace(/#.*$/s, '') + reference
    try {
      return new URL(reference, base === '' ? undefined : base).href
    } catch {
      return reference
    }
  }

  /** @throws BuiltinError when it is not in the document */
  find(reference: string): Target {
    const [document = '', fragment = ''] = reference.split('#')
    const exact = this.#byId.get(reference.replace(/#$/, ''))
    if (exact !== undefined) return exact
    const root = this.#byId.get(document)
    if (root === undefined) throw new BuiltinError(`remote reference loading disabled: ${document}`)
    if (fragment === '') return root
    let node: Value | undefined = root.node
    for (const segment of unescapeBytes(fragment).split('/').slice(1)) {
      const key = segment.replaceAll('~1', '/').replaceAll('~0', '~')
      if (node !== undefined && isObject(node)) node = objectGet(node, key)
      else if (node !== undefined && isArray(node) && /^\d+$/.test(key)) node = node[Number(key)]
      else node = undefined
      if (node === undefined) throw new BuiltinError(`Object has no key '${key}'`)
    }
    return { node: node as Value, base: document }
  }

  #collect(node: Value, base: string): void {
    if (isArray(node)) {
      for (const element of node) this.#collect(element, base)
      return
    }
    if (!isObject(node)) return
    const id = objectGet(node, this.idKeyword(node))
    const here = typeof id === 'string' ? this.resolve(base, id) : base
    if (typeof id === 'string') this.#byId.set(here.replace(/#$/, ''), { node, base: here })
    for (const [key, member] of objectEntries(node)) {
      // What is only compared with is no schema.
      if (key !== 'enum' && key !== 'const') this.#collect(member, here)
    }
  }
}
