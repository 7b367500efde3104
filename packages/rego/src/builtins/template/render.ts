/** Carrying a template out. */
import { BuiltinError } from '../../builtins-api.js'
import { isNumber } from '../../number.js'
import { isArray, isObject, objectEntries, objectGet, type Value } from '../../value.js'
import type { List, Node, Pipeline, Template, Term } from './ast.js'
import { FUNCTIONS } from './functions.js'
import { type Datum, GoNumber, isTrue, printed } from './values.js'

/** Lists within lists, through templates that call each other too. */
const MAX_DEPTH = 300

/** @param meter called with the length of each piece of output, and for each node with 0 */
export function render(template: Template, data: Value, meter: (added: number) => void): string {
  return new Renderer(template, meter).run(data)
}

interface Variable {
  readonly name: string
  value: Datum
}

type Outcome = 'done' | 'break' | 'continue'

class Renderer {
  readonly #out: string[] = []
  #variables: Variable[] = []
  #depth = 0

  constructor(
    readonly template: Template,
    readonly meter: (added: number) => void,
  ) {}

  run(data: Value): string {
    this.#variables = [{ name: '$', value: data }]
    this.#list(this.template.root, data)
    return this.#out.join('')
  }

  #fail(message: string): never {
    throw new BuiltinError(`template: template:1: executing "template" at <template>: ${message}`)
  }

  #write(text: string): void {
    this.meter(text.length)
    this.#out.push(text)
  }

  #list(list: List, dot: Datum): Outcome {
    this.#depth += 1
    if (this.#depth > MAX_DEPTH) this.#fail('exceeded maximum template depth')
    let outcome: Outcome = 'done'
    for (const node of list) {
      this.meter(0)
      outcome = this.#node(node, dot)
      if (outcome !== 'done') break
    }
    this.#depth -= 1
    return outcome
  }

  #node(node: Node, dot: Datum): Outcome {
    switch (node.kind) {
      case 'text':
        this.#write(node.text)
        return 'done'
      case 'output': {
        const value = this.#pipeline(node.pipeline, dot)
        if (node.pipeline.variables.length === 0) this.#write(printed(value))
        return 'done'
      }
      case 'break':
      case 'continue':
        return node.kind
      case 'template':
        this.#call(node.name, node.pipeline && this.#pipeline(node.pipeline, dot))
        return 'done'
      default: {
        const known = this.#variables.length
        const outcome = node.kind === 'range' ? this.#range(node, dot) : this.#branch(node, dot)
        this.#variables.length = known
        return outcome
      }
    }
  }

  #branch(node: Extract<Node, { kind: 'if' | 'with' | 'range' }>, dot: Datum): Outcome {
    const value = this.#pipeline(node.pipeline, dot)
    if (!isTrue(value)) return this.#list(node.otherwise, dot)
    return this.#list(node.body, node.kind === 'with' ? value : dot)
  }

  #range(node: Extract<Node, { kind: 'if' | 'with' | 'range' }>, dot: Datum): Outcome {
    const { variables, assigns, commands } = node.pipeline
    const over = this.#pipeline({ variables: [], assigns: false, commands }, dot)
    const entries = this.#entries(over)
    const known = this.#variables.length
    let turns = 0
    for (const [key, value] of entries) {
      this.meter(0)
      turns += 1
      const values = variables.length === 2 ? [key, value] : [value]
      for (const [i, name] of variables.entries()) {
        if (assigns) this.#assign(name, values[i])
        else this.#variables.push({ name, value: values[i] })
      }
      const outcome = this.#list(node.body, value)
      this.#variables.length = known
      if (outcome === 'break') break
    }
    return turns === 0 ? this.#list(node.otherwise, dot) : 'done'
  }

  *#entries(over: Datum): Iterable<readonly [Datum, Datum]> {
    if (over instanceof GoNumber) {
      for (let i = 0; i < over.value; i++) yield [new GoNumber(i), new GoNumber(i)]
    } else if (over === undefined || over === null) {
      return
    } else if (isArray(over)) {
      for (const [i, value] of over.entries()) yield [new GoNumber(i), value]
    } else if (isObject(over)) {
      yield* objectEntries(over)
    } else {
      this.#fail(`range can't iterate over ${printed(over)}`)
    }
  }

  #call(name: string, data: Datum): void {
    const list = this.template.named.get(name)
    if (list === undefined) this.#fail(`template ${JSON.stringify(name)} not defined`)
    const outer = this.#variables
    this.#variables = [{ name: '$', value: data }]
    this.#list(list, data)
    this.#variables = outer
  }

  #assign(name: string, value: Datum): void {
    const variable = this.#variables.findLast((one) => one.name === name)
    if (variable === undefined) this.#fail(`undefined variable: ${name}`)
    variable.value = value
  }

  #pipeline({ variables, assigns, commands }: Pipeline, dot: Datum): Datum {
    let value: Datum
    for (const [i, command] of commands.entries()) value = this.#command(command, dot, i === 0 ? [] : [value])
    for (const name of variables) {
      if (assigns) this.#assign(name, value)
      else this.#variables.push({ name, value })
    }
    return value
  }

  #command(command: readonly Term[], dot: Datum, piped: readonly Datum[]): Datum {
    const [first, ...rest] = command as readonly [Term, ...Term[]]
    if (first.kind !== 'function') {
      if (rest.length + piped.length > 0) this.#fail("can't give argument to non-function")
      if (first.kind === 'nil') this.#fail('nil is not a command')
      return this.#term(first, dot)
    }
    const run = FUNCTIONS.get(first.name)
    if (run === undefined) this.#fail(`${JSON.stringify(first.name)} is not a defined function`)
    if (rest.length + piped.length === 0) this.#fail(`wrong number of args for ${first.name}: want at least 1 got 0`)
    const args: Datum[] = []
    for (const term of rest) {
      const value = this.#term(term, dot)
      args.push(value)
      if ((first.name === 'and' && !isTrue(value)) || (first.name === 'or' && isTrue(value))) return value
    }
    return run([...args, ...piped], this.meter)
  }

  #term(term: Term, dot: Datum): Datum {
    switch (term.kind) {
      case 'dot':
        return dot
      case 'nil':
        return null
      case 'constant':
        return typeof term.value === 'number' ? new GoNumber(term.value) : term.value
      case 'pipeline':
        return this.#pipeline(term.pipeline, dot)
      case 'function':
        return this.#command([term], dot, [])
      case 'variable':
        return this.#fields(this.#variables.findLast(({ name }) => name === term.name)?.value, term.names)
      case 'field':
        return this.#fields(term.of === undefined ? dot : this.#term(term.of, dot), term.names)
    }
  }

  /** A key that is missing has no value, nor has anything in it; looking into what is no object is an error. */
  #fields(of: Datum, names: readonly string[]): Datum {
    let at = of
    for (const name of names) {
      if (at === undefined) return undefined
      if (at === null) this.#fail(`nil pointer evaluating interface {}.${name}`)
      if (at instanceof GoNumber || !isObject(at)) this.#fail(`can't evaluate field ${name} in type ${typeNameOf(at)}`)
      at = objectGet(at, name)
    }
    return at
  }
}

function typeNameOf(datum: Datum): string {
  if (datum instanceof GoNumber) return datum.integer ? 'int' : 'float64'
  if (isNumber(datum)) return 'json.Number'
  return isArray(datum as Value) ? '[]interface {}' : typeof datum === 'boolean' ? 'bool' : 'string'
}
