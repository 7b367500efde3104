/**
 * The values of Rego.
 *
 * | Rego | here |
 * |---|---|
 * | null, boolean, string | the JavaScript primitives |
 * | number | {@link RegoNumber}: `number`, `bigint` beyond the safe integers, `Decimal` beyond a double |
 * | array | a JavaScript array |
 * | object | a plain object with own string keys (JSON input, used as it came), or {@link RegoObject} (made by Rego, any keys) |
 * | set | {@link RegoSet} |
 *
 * Undefined is JavaScript's `undefined` and is never inside a value. Values are immutable once handed out; only the code that
 * just created a `RegoObject`, `RegoSet` or array may add to it. Plain objects are read through the functions of this file,
 * which look at own properties alone, so a key such as `__proto__` or `constructor` is a key like any other.
 * Never build a plain object from Rego keys: build a `RegoObject`.
 */
import { visit } from './meter.js'
import { compareNumbers, Decimal, formatNumber, isNumber, numberKey, type RegoNumber, toDouble } from './number.js'

export type Value = null | boolean | string | RegoNumber | readonly Value[] | PlainObject | RegoObject | RegoSet
/** A JSON object from outside. */
export interface PlainObject {
  readonly [key: string]: Value
}
export type ObjectValue = PlainObject | RegoObject
/** What two values share exactly when they are equal; fit for a `Map`. */
export type Key = string | number | bigint | boolean | null
export type TypeName = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object' | 'set'
/** What leaves the engine: JSON, with `bigint` and `Decimal` for numbers that a double would change. */
export type Json = null | boolean | string | RegoNumber | Json[] | { [key: string]: Json }

/** An object with keys of any type. Insertion order means nothing; `sortedKeys` is Rego's order. */
export class RegoObject {
  readonly #values = new Map<Key, Value>()
  /** The keys that are not their own `Key`: composites, rare strings and numbers. */
  #composite: Map<Key, Value> | undefined
  #sorted: readonly Value[] | undefined
  /** Cached canonical text, see `canonical`. */
  text: string | undefined
  /** Written out in a policy: the same object in every evaluation. */
  isConstant = false

  static from(entries: Iterable<readonly [Value, Value]>): RegoObject {
    const object = new RegoObject()
    for (const [key, value] of entries) object.set(key, value)
    return object
  }

  get size(): number {
    return this.#values.size
  }

  get(key: Value): Value | undefined {
    return this.#values.get(typeof key === 'string' && key.charCodeAt(0) !== 0 ? key : keyOf(key))
  }

  has(key: Value): boolean {
    return this.#values.has(keyOf(key))
  }

  /** Only for the code that is building this object. */
  set(key: Value, value: Value): this {
    const id = keyOf(key)
    if (id !== key) {
      this.#composite ??= new Map()
      this.#composite.set(id, key)
    }
    this.#values.set(id, value)
    this.#sorted = undefined
    this.text = undefined
    return this
  }

  /** Only for the code that is building this object. */
  delete(key: Value): boolean {
    this.#sorted = undefined
    this.text = undefined
    return this.#values.delete(keyOf(key))
  }

  /** Keys in Rego's order. */
  sortedKeys(): readonly Value[] {
    this.#sorted ??= [...this.#keys()].sort(compare)
    return this.#sorted
  }

  /** A copy that may be added to. */
  copy(): RegoObject {
    const object = new RegoObject()
    for (const key of this.#keys()) object.set(key, this.get(key) as Value)
    return object
  }

  *#keys(): Iterable<Value> {
    for (const id of this.#values.keys()) {
      yield typeof id === 'string' && id.charCodeAt(0) === 0 ? (this.#composite?.get(id) ?? id) : id
    }
  }
}

/** A set. Iterating gives the elements in Rego's order. */
export class RegoSet {
  readonly #elements = new Map<Key, Value>()
  #sorted: readonly Value[] | undefined
  /** Cached canonical text, see `canonical`. */
  text: string | undefined

  static from(elements: Iterable<Value>): RegoSet {
    const set = new RegoSet()
    for (const element of elements) set.add(element)
    return set
  }

  get size(): number {
    return this.#elements.size
  }

  has(element: Value): boolean {
    return this.#elements.has(keyOf(element))
  }

  /** Only for the code that is building this set. */
  add(element: Value): this {
    const key = keyOf(element)
    if (!this.#elements.has(key)) {
      this.#elements.set(key, element)
      this.#sorted = undefined
      this.text = undefined
    }
    return this
  }

  /** Elements in Rego's order. */
  sorted(): readonly Value[] {
    this.#sorted ??= [...this.#elements.values()].sort(compare)
    return this.#sorted
  }

  /** Elements in no promised order, without the cost of sorting. */
  unsorted(): Iterable<Value> {
    return this.#elements.values()
  }

  [Symbol.iterator](): Iterator<Value> {
    return this.sorted()[Symbol.iterator]()
  }
}

export { Decimal, isNumber, type RegoNumber } from './number.js'

export function isArray(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

export function isSet(value: Value): value is RegoSet {
  return value instanceof RegoSet
}

export function isObject(value: Value): value is ObjectValue {
  return typeName(value) === 'object'
}

export function isString(value: Value): value is string {
  return typeof value === 'string'
}

export function typeName(value: Value): TypeName {
  switch (typeof value) {
    case 'string':
      return 'string'
    case 'boolean':
      return 'boolean'
    case 'number':
    case 'bigint':
      return 'number'
  }
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (value instanceof RegoSet) return 'set'
  return value instanceof Decimal ? 'number' : 'object'
}

// The order of types: null < boolean < number < string < array < object < set.
const RANK: Readonly<Record<TypeName, number>> = {
  null: 0,
  boolean: 1,
  number: 2,
  string: 3,
  array: 4,
  object: 5,
  set: 6,
}

/** OPA's total order: negative, zero or positive. */
export function compare(a: Value, b: Value): number {
  if (a === b) return 0
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(a, b)
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const type = typeName(a)
  const rank = RANK[type] - RANK[typeName(b)]
  if (rank !== 0) return rank
  visit()
  switch (type) {
    case 'null':
      return 0
    case 'boolean':
      return a === true ? 1 : -1
    case 'number':
      return compareNumbers(a as RegoNumber, b as RegoNumber)
    case 'string':
      return compareStrings(a as string, b as string)
    case 'array':
      return compareLists(a as readonly Value[], b as readonly Value[])
    case 'set':
      return compareLists((a as RegoSet).sorted(), (b as RegoSet).sorted())
    case 'object':
      return compareObjects(a as ObjectValue, b as ObjectValue)
  }
}

/** By code point, as Go compares UTF-8: JavaScript's `<` puts astral characters before U+E000..U+FFFF. */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) {
      const xs = x >= 0xd800 && x <= 0xdfff
      const ys = y >= 0xd800 && y <= 0xdfff
      return xs === ys ? x - y : xs ? 1 : -1
    }
  }
  return a.length - b.length
}

function compareLists(a: readonly Value[], b: readonly Value[]): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const order = compare(a[i] as Value, b[i] as Value)
    if (order !== 0) return order
  }
  return a.length - b.length
}

function compareObjects(a: ObjectValue, b: ObjectValue): number {
  const ak = sortedKeys(a)
  const bk = sortedKeys(b)
  const length = Math.min(ak.length, bk.length)
  for (let i = 0; i < length; i++) {
    const x = ak[i] as Value
    const y = bk[i] as Value
    const order = compare(x, y) || compare(objectGet(a, x) as Value, objectGet(b, y) as Value)
    if (order !== 0) return order
  }
  return ak.length - bk.length
}

export function equal(a: Value, b: Value): boolean {
  if (a === b) return true
  if (typeof a === 'string' || typeof b === 'string' || typeof a === 'boolean' || a === null || b === null) return false
  if (typeof a === 'number' && typeof b === 'number') return false
  visit()
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false
    for (let i = 0; i < a.length; i++) if (!equal(a[i], b[i])) return false
    return true
  }
  const type = typeName(a)
  if (type !== typeName(b)) return false
  if (type === 'set') {
    const [x, y] = [a as RegoSet, b as RegoSet]
    if (x.size !== y.size) return false
    for (const element of x.unsorted()) if (!y.has(element)) return false
    return true
  }
  if (type === 'object') {
    const [x, y] = [a as ObjectValue, b as ObjectValue]
    if (objectSize(x) !== objectSize(y)) return false
    for (const key of unsortedKeys(x)) {
      const other = objectGet(y, key)
      if (other === undefined || !equal(objectGet(x, key) as Value, other)) return false
    }
    return true
  }
  return compareNumbers(a as RegoNumber, b as RegoNumber) === 0
}

/**
 * The value's identity for a `Map`. Strings, safe numbers, booleans and null are their own; everything else becomes a string
 * that starts with U+0000, and so do strings that themselves start with it.
 */
export function keyOf(value: Value): Key {
  switch (typeof value) {
    case 'string':
      return value.charCodeAt(0) === 0 ? `\u0000s${value}` : value
    case 'boolean':
      return value
    case 'number':
    case 'bigint':
      return numberKey(value)
  }
  if (value === null) return null
  return value instanceof Decimal ? numberKey(value) : `\u0000c${canonical(value)}`
}

/** Text that equal values share and others don't. */
function canonical(value: Value): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (isNumber(value)) {
    const key = numberKey(value)
    return typeof key === 'string' ? `#${key.slice(2)}` : String(key === 0 ? 0 : key)
  }
  if (value === null || typeof value === 'boolean') return String(value)
  visit()
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (value instanceof RegoSet) {
    value.text ??= `<${value.sorted().map(canonical).join()}>`
    return value.text
  }
  const object = value as ObjectValue
  if (object instanceof RegoObject && object.text !== undefined) return object.text
  const text = `{${sortedKeys(object)
    .map((key) => `${canonical(key)}:${canonical(objectGet(object, key) as Value)}`)
    .join()}}`
  if (object instanceof RegoObject) object.text = text
  return text
}

/** The value under a key, or undefined. Own properties alone. */
export function objectGet(object: ObjectValue, key: Value): Value | undefined {
  if (object instanceof RegoObject) return object.get(key)
  return typeof key === 'string' && Object.hasOwn(object, key) ? object[key] : undefined
}

/** How many keys an object has. */
export function objectSize(object: ObjectValue): number {
  return object instanceof RegoObject ? object.size : unsortedKeys(object).length
}

/** The keys in Rego's order. */
export function sortedKeys(object: ObjectValue): readonly Value[] {
  if (object instanceof RegoObject) return object.sortedKeys()
  return [...(unsortedKeys(object) as readonly string[])].sort(compareStrings)
}

/** The keys in no promised order, without the cost of sorting. */
function unsortedKeys(object: ObjectValue): readonly Value[] {
  if (object instanceof RegoObject) return object.sortedKeys()
  const keys = Object.keys(object)
  // A member that is undefined is no member, as in JSON.
  return keys.every((key) => object[key] !== undefined) ? keys : keys.filter((key) => object[key] !== undefined)
}

/** Entries in Rego's order. */
export function* objectEntries(object: ObjectValue): Iterable<[key: Value, value: Value]> {
  for (const key of sortedKeys(object)) yield [key, objectGet(object, key) as Value]
}

/** The length of an array or string (in code points), the size of a set or object; undefined for other types. */
export function sizeOf(value: Value): number | undefined {
  if (typeof value === 'string') return [...value].length
  if (Array.isArray(value)) return value.length
  if (value instanceof RegoSet) return value.size
  return isObject(value) ? objectSize(value) : undefined
}

/** `value[key]` for an array, object or set; undefined when there is none. */
export function lookup(value: Value, key: Value): Value | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (Array.isArray(value))
    return typeof key === 'number' && Number.isSafeInteger(key) && key >= 0 ? value[key] : undefined
  if (value instanceof RegoObject) return value.get(key)
  if (value instanceof RegoSet) return value.has(key) ? key : undefined
  return value instanceof Decimal ? undefined : objectGet(value as ObjectValue, key)
}

/**
 * The value as JSON. Sets become arrays in Rego's order; keys that are no strings become their JSON text; a number beyond a
 * double stays `bigint` or {@link Decimal}, but a quotient such as 1/3 becomes the nearest double.
 */
export function toJson(value: Value): Json {
  return new JsonWriter(Number.MAX_SAFE_INTEGER).write(value) as Json
}

const SURROGATE = /[\ud800-\udfff]/

/** Bytes that are no UTF-8 are held as lone surrogates; in JSON they are U+FFFD, as in Go's. */
function wellFormed(text: string): string {
  return SURROGATE.test(text) ? new TextDecoder().decode(new TextEncoder().encode(text)) : text
}

/** Turns values into JSON, up to a number of values in all. */
export class JsonWriter {
  #left: number

  constructor(maxSize: number) {
    this.#left = maxSize
  }

  /** Undefined when there were too many values. */
  write(value: Value): Json | undefined {
    if (typeof value === 'string') return wellFormed(value)
    if (typeof value !== 'object' || value === null) return value === 0 ? 0 : value
    if (--this.#left < 0) return undefined
    if (value instanceof RegoObject) return this.#members(value, value.sortedKeys())
    if (Array.isArray(value)) return this.#elements(value)
    if (value instanceof RegoSet) return this.#set(value)
    if (value instanceof Decimal) return value.approximate ? toDouble(value) : value
    return this.#members(value as PlainObject, sortedKeys(value as PlainObject))
  }

  #elements(elements: readonly Value[]): Json[] | undefined {
    this.#left -= elements.length
    const array: Json[] = []
    for (let at = 0; at < elements.length; at++) {
      const json = this.write(elements[at] as Value)
      if (json === undefined) return undefined
      array.push(json)
    }
    return this.#left < 0 ? undefined : array
  }

  #members(object: ObjectValue, keys: readonly Value[]): Json | undefined {
    this.#left -= keys.length
    const json: { [key: string]: Json } = {}
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at] as Value
      const member = this.write(objectGet(object, key) as Value)
      if (member === undefined) return undefined
      const name = wellFormed(typeof key === 'string' ? key : toJsonText(key))
      // Assigning to `__proto__` would change the prototype.
      if (name !== '__proto__') json[name] = member
      else Object.defineProperty(json, name, { value: member, enumerable: true, configurable: true, writable: true })
    }
    return this.#left < 0 ? undefined : json
  }

  #set(set: RegoSet): Json[] | undefined {
    const sorted = set.sorted()
    const empty = sorted.find((element) => element instanceof RegoSet && element.size === 0)
    return this.#elements(empty === undefined ? sorted : withEmptySet(sorted, empty))
  }
}

/** An empty set among objects stands before them, as the array that it becomes does in OPA's conformance suite. */
function withEmptySet(sorted: readonly Value[], empty: Value): readonly Value[] {
  const rest = sorted.filter((element) => element !== empty)
  const at = rest.findIndex((element) => RANK[typeName(element)] > RANK.array)
  return at < 0 ? sorted : [...rest.slice(0, at), empty, ...rest.slice(at)]
}

/** JSON text with every number exact, keys in Rego's order and no spaces: what `json.marshal` gives. */
export function toJsonText(value: Value): string {
  if (isNumber(value)) return formatNumber(value)
  if (value === null || typeof value !== 'object') return typeof value === 'string' ? jsonString(value) : String(value)
  visit()
  if (Array.isArray(value)) return `[${value.map(toJsonText).join()}]`
  if (value instanceof RegoSet) return `[${value.sorted().map(toJsonText).join()}]`
  const members: (readonly [string, string])[] = []
  for (const [key, element] of objectEntries(value as ObjectValue)) {
    members.push([typeof key === 'string' ? key : toJsonText(key), toJsonText(element)])
  }
  // Keys that were no strings have become some.
  members.sort(([a], [b]) => compareStrings(a, b))
  return `{${members.map(([key, element]) => `${jsonString(key)}:${element}`).join()}}`
}

/** A string in JSON as Go writes it: what could mean something in HTML is escaped. */
function jsonString(text: string): string {
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** From this length on it pays to search an array by an index. */
const LONG_ARRAY = 64
const copied = new WeakSet<object>()

/** Whether an array is long, and this engine's own copy: nobody can change it, so it may be indexed. Arrays of an input may change. */
export function isLongAndOwn(array: readonly Value[]): boolean {
  return array.length >= LONG_ARRAY && copied.has(array)
}

/** A Rego value from parsed JSON, copied: later changes of the argument don't reach it. Undefined when it is no JSON. */
export function fromJson(json: unknown): Value | undefined {
  switch (typeof json) {
    case 'string':
    case 'boolean':
    case 'bigint':
      return json
    case 'number':
      return Number.isFinite(json) ? json : undefined
    case 'object':
      break
    default:
      return undefined
  }
  if (json === null || json instanceof Decimal || json instanceof RegoObject || json instanceof RegoSet) return json
  if (Array.isArray(json)) {
    const array: Value[] = []
    for (const element of json) {
      const value = fromJson(element)
      if (value === undefined) return undefined
      array.push(value)
    }
    if (array.length >= LONG_ARRAY) copied.add(array)
    return array
  }
  return objectFromJson(Object.entries(json))
}

/** With so few keys a plain object is smaller and faster, and there is little to sort. */
const SMALL_OBJECT = 12

function objectFromJson(entries: readonly (readonly [string, unknown])[]): ObjectValue | undefined {
  const isSmall = entries.length <= SMALL_OBJECT && entries.every(([key]) => key !== '__proto__')
  const plain: { [key: string]: Value } = {}
  const object = isSmall ? undefined : new RegoObject()
  for (const [key, element] of entries) {
    if (element === undefined) continue
    const value = fromJson(element)
    if (value === undefined) return undefined
    if (object) object.set(key, value)
    else plain[key] = value
  }
  return object ?? plain
}
