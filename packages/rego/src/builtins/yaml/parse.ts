/** YAML to Rego values: of several documents the first, of a key given twice the last. */
import { isAlias, isMap, isPair, isScalar, isSeq, type Node, parseAllDocuments, type Scalar, type YAMLMap } from 'yaml'
import { BuiltinError } from '../../builtins-api.js'
import { formatNumber, isInteger, isNumber } from '../../number.js'
import { isArray, RegoObject, type Value } from '../../value.js'
import { decodeBase64 } from '../go/base64.js'
import { fromBytes } from '../go/bytes.js'
import { plainScalar } from './scalar.js'

/** Aliases multiply what a document holds; beyond this many nodes it is taken for an attack. */
const MAX_NODES = 1_000_000

/** @throws BuiltinError `yaml: line 1: did not find expected ',' or ']'` */
export function parseYaml(text: string): Value {
  if (yamlDepth(text) > MAX_DEPTH) throw new BuiltinError('yaml: exceeded max depth')
  const documents = parseAllDocuments(text, {
    schema: 'failsafe',
    uniqueKeys: false,
    strict: true,
    prettyErrors: false,
    logLevel: 'silent',
  })
  if (!Array.isArray(documents)) return null
  for (const document of documents) {
    const [error] = document.errors
    if (error !== undefined) throw faultIn(text, error.pos[0], error.message)
  }
  const [document] = documents
  return document === undefined ? null : new Converter().value(document.contents)
}

const MAX_DEPTH = 200

/**
 * At least as deep as the document nests: columns at which lines begin, marks of nested sequences and mappings in one line, and brackets,
 * wherever they are. The parser recurses, so this comes before it.
 */
function yamlDepth(text: string): number {
  const columns: number[] = []
  let brackets = 0
  let deepest = 0
  for (const line of text.split('\n')) {
    let marks = 0
    let at = 0
    for (; at < line.length && ' \t-?:'.includes(line[at] as string); at++) {
      if (line[at] !== ' ' && ' \t'.includes(line[at + 1] ?? ' ')) marks += 1
    }
    while (columns.length > 0 && (columns.at(-1) as number) >= at) columns.pop()
    columns.push(at)
    for (; at < line.length; at++) {
      if (line[at] === '[' || line[at] === '{') brackets += 1
      else if ((line[at] === ']' || line[at] === '}') && brackets > 0) brackets -= 1
      deepest = Math.max(deepest, brackets)
    }
    deepest = Math.max(deepest, columns.length + marks + brackets)
  }
  return deepest
}

/** Faults that Go's scanner finds, in its words. */
const FAULTS: readonly (readonly [fault: RegExp, message: string])[] = [
  [/Missing closing/, 'found unexpected end of stream'],
  [/Nested mappings/, 'mapping values are not allowed in this context'],
  [/Tabs are not|reserved character/, 'found character that cannot start any token'],
]

/** Its parser always gives the line, its scanner only after the first; other faults are in the words of the parser used here. */
function faultIn(text: string, offset: number, message: string): BuiltinError {
  const line = text.slice(0, offset).split('\n').length
  const scanned = FAULTS.find(([fault]) => fault.test(message))?.[1]
  if (scanned !== undefined) return new BuiltinError(`yaml: ${line > 1 ? `line ${line}: ` : ''}${scanned}`)
  const own = message.charAt(0).toLowerCase() + message.slice(1)
  const close = /^Flow sequence/.test(message) ? "']'" : "'}'"
  const parsed = /^Flow (?:sequence|map)/.test(message) ? `did not find expected ',' or ${close}` : own
  return new BuiltinError(`yaml: line ${line}: ${parsed}`)
}

interface Converted {
  readonly value: Value
  /** How many nodes it is, each alias counted as what it stands for. */
  readonly size: number
}

class Converter {
  #size = 0
  readonly #anchors = new Map<string, Converted>()

  value(node: Node | null | undefined): Value {
    if (node === null || node === undefined) return this.#counted(1, null)
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source)
      if (target === undefined) throw new BuiltinError(`yaml: unknown anchor '${node.source}' referenced`)
      return this.#counted(target.size, target.value)
    }
    const before = this.#size
    const value = this.#counted(1, this.#own(node))
    if ((isScalar(node) || isMap(node) || isSeq(node)) && node.anchor !== undefined) {
      this.#anchors.set(node.anchor, { value, size: this.#size - before })
    }
    return value
  }

  #counted(size: number, value: Value): Value {
    this.#size += size
    if (this.#size > MAX_NODES) throw new BuiltinError('yaml: document contains excessive aliasing')
    return value
  }

  #own(node: Node): Value {
    if (isSeq(node)) return node.items.map((item) => this.value(item as Node | null))
    if (isMap(node)) return this.#map(node)
    return isScalar(node) ? scalar(node) : null
  }

  #map(map: YAMLMap): RegoObject {
    const object = new RegoObject()
    for (const pair of map.items) {
      if (isPair(pair) && isMergeKey(pair.key)) this.#merge(object, pair.value as Node | null)
    }
    for (const pair of map.items) {
      if (!isMergeKey(pair.key))
        object.set(keyText(this.value(pair.key as Node | null)), this.value(pair.value as Node | null))
    }
    return object
  }

  /** Keys of merged mappings: earlier mappings win over later ones, own keys over all. */
  #merge(object: RegoObject, node: Node | null): void {
    const merged = this.value(node)
    for (const source of isArray(merged) ? merged : [merged]) {
      if (!(source instanceof RegoObject)) {
        throw new BuiltinError('yaml: map merge requires map or sequence of maps as the value')
      }
      for (const key of source.sortedKeys()) if (!object.has(key)) object.set(key, source.get(key) as Value)
    }
  }
}

function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.type === 'PLAIN' && key.source === '<<'
}

const TAGGED: ReadonlyMap<string, (value: Value) => boolean> = new Map([
  ['int', (value) => isNumber(value) && isInteger(value)],
  ['float', (value) => isNumber(value)],
  ['bool', (value) => typeof value === 'boolean'],
  ['null', (value) => value === null],
])

function scalar(node: Scalar): Value {
  const text = typeof node.value === 'string' ? node.value : (node.source ?? '')
  const tag = node.tag?.replace(/^(?:tag:yaml\.org,2002:|!!)/, '')
  if (tag === 'binary') return fromBytes(decodeBase64(text, 'standard'))
  const fits = tag === undefined ? undefined : TAGGED.get(tag)
  if (fits === undefined) return tag === 'str' || node.type !== 'PLAIN' ? text : plainScalar(text)
  const value = plainScalar(text)
  if (!fits(value)) throw new BuiltinError(`yaml: cannot decode !!str \`${text}\` as a !!${tag}`)
  return value
}

/** JSON's keys are strings: numbers and booleans become their text. */
function keyText(key: Value): string {
  if (typeof key === 'string') return key
  if (isNumber(key)) return formatNumber(key)
  if (typeof key === 'boolean') return String(key)
  throw new BuiltinError('yaml: unsupported map key')
}
