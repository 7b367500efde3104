/** YAML to Rego values: of several documents the first, of a key given twice the last. */
import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Node,
  parseAllDocuments,
  type Scalar,
  type YAMLMap,
} from 'yaml'
import { BuiltinError } from '../../builtins-api.js'
import { formatNumber, isInteger, isNumber } from '../../number.js'
import { RegoObject, type Value } from '../../value.js'
import { decodeBase64 } from '../go/base64.js'
import { fromBytes } from '../go/bytes.js'
import { plainScalar } from './scalar.js'

/** Aliases multiply what a document holds; beyond this many nodes it is taken for an attack. */
const MAX_NODES = 1_000_000

/** @throws BuiltinError `yaml: line 1: did not find expected ',' or ']'` */
export function parseYaml(text: string): Value {
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
  return document === undefined ? null : new Converter(document).value(document.contents)
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

class Converter {
  #nodes = 0

  constructor(readonly document: Document.Parsed) {}

  value(node: Node | null | undefined): Value {
    this.#nodes += 1
    if (this.#nodes > MAX_NODES) throw new BuiltinError('yaml: document contains excessive aliasing')
    if (node === null || node === undefined) return null
    if (isAlias(node)) {
      const target = node.resolve(this.document)
      if (target === undefined) throw new BuiltinError(`yaml: unknown anchor '${node.source}' referenced`)
      return this.value(target)
    }
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
    const target = isAlias(node) ? node.resolve(this.document) : node
    const sources = isSeq(target) ? target.items : [target]
    for (const source of sources) {
      const merged = this.value(source as Node | null)
      if (!(merged instanceof RegoObject))
        throw new BuiltinError('yaml: map merge requires map or sequence of maps as the value')
      for (const key of merged.sortedKeys()) if (!object.has(key)) object.set(key, merged.get(key) as Value)
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
