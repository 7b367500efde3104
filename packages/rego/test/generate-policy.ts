/** Policies and inputs made at random from a seed, to compare engines with. */

export interface Generated {
  readonly source: string
  readonly input: unknown
  readonly data: Record<string, unknown>
}

/** A small generator of numbers that a seed decides (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

export function generatePolicy(seed: number): Generated {
  return new Generator(random(seed)).policy()
}

const KEYS = ['a', 'b', 'c', 'd']
const WORDS = ['x', 'yy', 'read', 'write', 'admin', '']

class Generator {
  #vars: string[] = []
  #rules: { name: string; kind: 'value' | 'set' | 'object' | 'function' }[] = []
  #fresh = 0

  constructor(readonly next: () => number) {}

  policy(): Generated {
    const rules: string[] = []
    for (let count = this.#int(3, 7); count > 0; count--) rules.push(this.#rule())
    return {
      // OPA's type checker would refuse most of what is interesting; what goes through `id` has no known type.
      source: `package gen\n\nid(x) := x\n\n${rules.join('\n\n')}\n`,
      input: this.#document(3),
      data: { docs: this.#object(3), list: this.#list(3) },
    }
  }

  #int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1))
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.next() * items.length)] as Item
  }

  #document(depth: number): unknown {
    return Object.fromEntries(KEYS.map((key) => [key, this.#json(depth)]))
  }

  #object(depth: number): Record<string, unknown> {
    return Object.fromEntries(KEYS.filter(() => this.next() < 0.7).map((key) => [key, this.#json(depth - 1)]))
  }

  #list(depth: number): unknown[] {
    return Array.from({ length: this.#int(0, 4) }, () => this.#json(depth - 1))
  }

  #json(depth: number): unknown {
    const kind = this.next()
    if (depth > 0 && kind < 0.25) return this.#object(depth)
    if (depth > 0 && kind < 0.5) return this.#list(depth)
    return this.#pick<unknown>([0, 1, 2, 3, 10, -1, 1.5, true, false, null, ...WORDS])
  }

  #rule(): string {
    const name = `r${this.#rules.length}`
    const kind = this.#pick(['value', 'value', 'set', 'object', 'function'] as const)
    const lines: string[] = []
    if ((kind === 'value' || kind === 'function') && this.next() < 0.3) {
      lines.push(`default ${name}${kind === 'function' ? '(_)' : ''} := ${this.#constant()}`)
    }
    for (let count = this.#int(1, 3); count > 0; count--) lines.push(this.#definition(name, kind))
    this.#rules.push({ name, kind })
    return lines.join('\n\n')
  }

  #definition(name: string, kind: 'value' | 'set' | 'object' | 'function'): string {
    this.#vars = kind === 'function' ? ['p'] : []
    const body = this.#body(3)
    switch (kind) {
      case 'value': {
        const rule = `${name} := ${this.#term(2)} if {\n${body}\n}`
        if (this.next() < 0.3) {
          this.#vars = []
          return `${rule} else := ${this.#constant()} if {\n${this.#body(2)}\n}`
        }
        return rule
      }
      case 'set':
        return `${name} contains ${this.#term(2)} if {\n${body}\n}`
      case 'object':
        return `${this.#objectHead(name)}${body}\n}`
      case 'function': {
        const rule = `${name}(${this.#pattern()}) := ${this.#term(2)} if {\n${body}\n}`
        if (this.next() < 0.7) return rule
        this.#vars = ['p']
        return `${rule} else := ${this.#term(1)} if {\n${this.#body(2)}\n}`
      }
    }
  }

  /** An entry of an object, or of one inside it, or an element of a set in it. */
  #objectHead(name: string): string {
    switch (this.#int(0, 5)) {
      case 0:
        return `${name}[${this.#term(1)}][${this.#term(0)}] := ${this.#term(1)} if {\n`
      case 1:
        return `${name}.${this.#pick(KEYS)} := ${this.#term(1)} if {\n`
      case 2:
        return `${name}[${this.#term(0)}].${this.#pick(KEYS)} := ${this.#term(1)} if {\n`
      default:
        return `${name}[${this.#term(1)}] := ${this.#term(2)} if {\n`
    }
  }

  /** A function's parameter: `p`, a constant, or a pattern around `p`. */
  #pattern(): string {
    return this.#pick(['p', 'p', 'p', '[p, _]', '{"a": p}', '[1, p]', '[[p, "x"], _]'])
  }

  #body(most: number): string {
    return Array.from({ length: this.#int(1, most) }, () => `\t${this.#statement()}`).join('\n')
  }

  #statement(): string {
    switch (this.#int(0, 16)) {
      case 0: {
        const source = this.#collection()
        const name = this.#declare()
        return `some ${name} in ${source}`
      }
      case 1: {
        const source = this.#collection()
        const [key, value] = [this.#declare(), this.#declare()]
        return `some ${key}, ${value} in ${source}`
      }
      case 2:
      case 3: {
        const term = this.#term(2)
        return `${this.#declare()} := ${term}`
      }
      case 4:
        return `not id(${this.#term(1)}) == ${this.#term(1)}`
      case 5:
        return `not ${this.#reference()}`
      case 6:
        return `every e in ${this.#collection()} {\n\t\te != ${this.#any()}\n\t}`
      case 7: {
        const value = `id(${this.#reference()})`
        const name = this.#declare()
        return `[${name}, _] = ${value}`
      }
      case 8: {
        const [index, name] = [this.#declare(), this.#declare()]
        return `${name} := ${this.#pick(['data.list', 'data.docs', 'input', 'input.a', 'input.b'])}[${index}]`
      }
      case 9: {
        const target = this.#pick(['input', 'input.a', 'input.b.c', 'data.docs', 'data.docs.a', 'data.list'])
        const reference = this.#reference()
        const name = this.#declare()
        return `${name} := ${reference} with ${target} as ${this.#constant()}`
      }
      case 10: {
        const source = this.#reference()
        const [path, value] = [this.#declare(), this.#declare()]
        return `walk(${source}, [${path}, ${value}])`
      }
      case 11: {
        const functions = this.#rules.filter(({ kind }) => kind === 'function')
        const reference = this.#reference()
        const call = functions.length > 0 ? `${this.#pick(functions).name}(${reference})` : `count(id(${reference}))`
        const target = functions.length > 0 && this.next() < 0.5 ? this.#pick(functions).name : 'count'
        const value = functions.length > 0 && this.next() < 0.5 ? this.#pick(functions).name : this.#constant()
        return `${this.#declare()} := ${call} with ${target} as ${value}`
      }
      case 12: {
        const value = `id(${this.#reference()})`
        const [a, b] = [this.#declare(), this.#declare()]
        return this.#pick([
          `{"a": ${a}, "b": ${b}} = ${value}`,
          `[${a}, [${b}, _]] = ${value}`,
          `[${a}, ${a}] = ${value}`,
        ])
      }
      case 13: {
        const source = this.#collection()
        const [key, value] = [this.#declare(), this.#declare()]
        return `some ${key}, [${value}, _] in ${source}`
      }
      case 14:
        return `every k, e in ${this.#collection()} {\n\t\tid(k) != e\n\t\tnot e == ${this.#any()}\n\t}`
      case 15:
        return `${this.#declare()} := $"<{${this.#vars.length > 1 ? (this.#vars.at(-2) ?? '1') : '1'}}{${this.#reference()}}>"`
      default:
        return `id(${this.#term(2)}) ${this.#pick(['==', '!=', '<', '>', '<=', '>=', 'in'])} ${this.#term(2)}`
    }
  }

  #declare(): string {
    const name = `v${this.#fresh++}`
    this.#vars.push(name)
    return name
  }

  #term(depth: number): string {
    const kind = this.next()
    if (depth <= 0 || kind < 0.3)
      return this.#vars.length > 0 && this.next() < 0.6 ? this.#pick(this.#vars) : this.#any()
    if (kind < 0.55) return this.#reference()
    if (kind < 0.62) return `[${this.#term(depth - 1)}, ${this.#term(depth - 1)}]`
    if (kind < 0.68) return `{${this.#term(depth - 1)}, ${this.#term(depth - 1)}}`
    if (kind < 0.74) return `{"k": ${this.#term(depth - 1)}, ${this.#term(0)}: ${this.#term(depth - 1)}}`
    if (kind < 0.86) return this.#call(depth)
    return this.#comprehension()
  }

  #call(depth: number): string {
    const functions = this.#rules.filter(({ kind }) => kind === 'function')
    if (functions.length > 0 && this.next() < 0.4) return `${this.#pick(functions).name}(${this.#term(depth - 1)})`
    const one = `id(${this.#reference()})`
    switch (this.#int(0, 8)) {
      case 0:
        return `count(${one})`
      case 1:
        return `(${one} + ${this.#pick(['1', '0.1', '2', 'id(3)'])})`
      case 2:
        return `(${one} ${this.#pick(['*', '-', '/', '%'])} ${this.#pick(['1', '2', '3', '0'])})`
      case 3:
        return `sum(${one})`
      case 4:
        return `max(${one})`
      case 5:
        return `sort(${one})`
      case 6:
        return `object.get(${one}, "a", ${this.#constant()})`
      case 7:
        return `type_name(${one})`
      default:
        return `sprintf("%v", [${one}])`
    }
  }

  #comprehension(): string {
    const outer = [...this.#vars]
    const source = this.#collection()
    const name = this.#declare()
    const condition = this.next() < 0.5 ? `; ${name} != ${this.#any()}` : ''
    const head = this.#term(1)
    const text = this.#pick([
      `[${head.startsWith('(') ? name : head} | some ${name} in ${source}${condition}]`,
      `{${name} | some ${name} in ${source}${condition}}`,
      `{sprintf("%v", [${name}]): ${name} | some ${name} in ${source}${condition}}`,
    ])
    this.#vars = outer
    return text
  }

  #collection(): string {
    return this.next() < 0.8 ? this.#reference() : this.#pick(['[1, 2, "x"]', '{1, "a", null}', '{"a": 1, "b": [2]}'])
  }

  #reference(): string {
    const rules = this.#rules.filter(({ kind }) => kind !== 'function')
    const roots = ['input', 'data.docs', 'data.list', 'input', 'data.docs']
    const rule = rules.length > 0 && this.next() < 0.4 ? this.#pick(rules).name : undefined
    if (rule !== undefined && this.next() < 0.3) return rule
    const head = rule === undefined ? this.#pick(roots) : `id(${rule})`
    let path = ''
    for (let length = this.#int(head === 'input' ? 1 : 0, 2); length > 0; length--) {
      const part = this.next()
      if (part < 0.6 || path === '') path += `.${this.#pick(KEYS)}`
      else if (part < 0.8) path += `[${this.#int(0, 2)}]`
      else path += `[${this.#vars.length > 0 ? this.#pick(this.#vars) : this.#any()}]`
    }
    return head + path
  }

  #any(): string {
    return this.next() < 0.9 ? `id(${this.#constant()})` : this.#constant()
  }

  #constant(): string {
    return this.#pick([
      '0',
      '1',
      '2',
      '1.5',
      '"x"',
      '"a"',
      '"read"',
      'true',
      'false',
      'null',
      '[]',
      '[1, "a"]',
      '{"a": 1}',
      '{1, 2}',
    ])
  }
}
