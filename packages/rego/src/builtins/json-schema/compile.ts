/**
 * JSON text of a schema to {@link Schema}, refusing what makes no sense.
 *
 * @see https://json-schema.org/specification-links
 */
import { BuiltinError } from '../../builtins-api.js'
import { compareNumbers, isNumber, type RegoNumber, toSafeInteger } from '../../number.js'
import { isArray, isObject, type ObjectValue, objectEntries, objectGet, type Value } from '../../value.js'
import { jsonText } from '../go/json-text.js'
import { compilePattern, isPattern } from '../regex/pattern.js'
import { References } from './references.js'
import { emptySchema, type Schema } from './schema.js'

/** Drafts as numbers; `hybrid` takes the words of all, as a schema does that names none. */
export type Draft = 4 | 6 | 7 | 'hybrid'

const TYPES = ['array', 'boolean', 'integer', 'number', 'null', 'object', 'string']
/** In the order in which the library lists them. */
const LISTED_TYPES = '[array boolean integer number null object string]'
const DRAFTS: ReadonlyMap<string, Draft> = new Map([
  ['http://json-schema.org/draft-04/schema', 4],
  ['http://json-schema.org/draft-06/schema', 6],
  ['http://json-schema.org/draft-07/schema', 7],
])
const COUNTS = ['minLength', 'maxLength', 'minProperties', 'maxProperties', 'minItems', 'maxItems']

/** @throws BuiltinError with the library's words for what is wrong */
export function compileSchema(document: Value): Schema {
  return new Compiler(document).schema(document, '')
}

function invalidType(expected: string, given: string): BuiltinError {
  return new BuiltinError(`Invalid type. Expected: ${expected}, given: ${given}`)
}

function draftOf(document: Value): Draft {
  if (typeof document === 'boolean') return 'hybrid'
  if (!isObject(document)) throw new BuiltinError('schema is invalid')
  const named = objectGet(document, '$schema')
  if (named === undefined) return 'hybrid'
  if (typeof named !== 'string') throw new BuiltinError('$schema must be of type string')
  return DRAFTS.get(named.replace(/#$/, '')) ?? 'hybrid'
}

const canonical = (value: Value): string => jsonText(value, () => {})

class Compiler {
  readonly #draft: Draft
  readonly #references: References
  readonly #known = new Map<string, Schema>()

  constructor(document: Value) {
    this.#draft = draftOf(document)
    this.#references = new References(document)
  }

  schema(node: Value, base: string): Schema {
    const schema = emptySchema()
    this.#fill(schema, node, base)
    return schema
  }

  /** Drafts before 6 don't know boolean schemas and some keywords. */
  #since(draft: 6 | 7): boolean {
    return this.#draft === 'hybrid' || this.#draft >= draft
  }

  #fill(schema: Schema, node: Value, base: string): void {
    if (typeof node === 'boolean' && this.#since(6)) {
      schema.pass = node
      return
    }
    if (!isObject(node)) throw new BuiltinError('Expected: Valid Schema, given: Invalid JSON')
    const id = this.#text(node, this.#references.idKeyword(node))
    const here = id === undefined ? base : this.#references.resolve(base, id)
    const definitions = objectGet(node, 'definitions')
    if (definitions !== undefined) this.#definitions(definitions, here)
    this.#text(node, 'title')
    this.#text(node, 'description')
    const ref = this.#text(node, '$ref')
    if (ref !== undefined) {
      schema.ref = this.#referenced(this.#references.resolve(here, ref))
      return
    }
    this.#types(schema, node)
    this.#objectKeywords(schema, node, here)
    this.#arrayKeywords(schema, node, here)
    this.#numberKeywords(schema, node)
    this.#otherKeywords(schema, node)
    this.#combinations(schema, node, here)
  }

  #referenced(reference: string): Schema {
    const known = this.#known.get(reference)
    if (known !== undefined) return known
    const schema = emptySchema()
    this.#known.set(reference, schema)
    const target = this.#references.find(reference)
    if (typeof target.node !== 'boolean' && !isObject(target.node))
      throw new BuiltinError('Valid Schema must be of type object')
    this.#fill(schema, target.node, target.base)
    return schema
  }

  #text(node: ObjectValue, key: string): string | undefined {
    const value = objectGet(node, key)
    if (value === undefined || typeof value === 'string') return value
    throw invalidType('string', key)
  }

  #list(node: ObjectValue, key: string): readonly Value[] | undefined {
    const value = objectGet(node, key)
    if (value === undefined || isArray(value)) return value
    throw new BuiltinError(`${key} must be of an array`)
  }

  #definitions(definitions: Value, base: string): void {
    if (!isObject(definitions)) throw invalidType('Array Of Schemas', 'definitions')
    for (const [, definition] of objectEntries(definitions)) {
      if (typeof definition !== 'boolean' && !isObject(definition)) throw invalidType('Array Of Schemas', 'definitions')
      this.schema(definition, base)
    }
  }

  #types(schema: Schema, node: ObjectValue): void {
    const value = objectGet(node, 'type')
    if (value === undefined) return
    const names = typeof value === 'string' ? [value] : isArray(value) ? value : [null]
    for (const name of names) {
      if (typeof name !== 'string') throw invalidType('type', 'string/Array Of Strings')
      if (!TYPES.includes(name)) {
        throw new BuiltinError(
          `has a primitive type that is NOT VALID -- given: /${name}/ Expected valid values are:${LISTED_TYPES}`,
        )
      }
      if (schema.types.includes(name)) throw new BuiltinError(`${name} type is duplicated`)
      schema.types.push(name)
    }
  }

  #objectKeywords(schema: Schema, node: ObjectValue, base: string): void {
    const properties = objectGet(node, 'properties')
    if (properties !== undefined) {
      if (!isObject(properties)) throw new BuiltinError('Properties must be of type object')
      for (const [key, value] of objectEntries(properties))
        schema.properties.set(key as string, this.schema(value, base))
    }
    this.#booleanOrSchema(node, 'additionalProperties', base, (value) => {
      schema.additionalProperties = value
    })
    const patterns = objectGet(node, 'patternProperties')
    if (patterns !== undefined) {
      if (!isObject(patterns)) throw invalidType('Valid Schema', 'patternProperties')
      for (const [key, value] of objectEntries(patterns)) {
        const source = key as string
        if (!isPattern(source)) throw new BuiltinError(`Invalid regex pattern '${source}'`)
        schema.patternProperties.push({ pattern: compilePattern(source), schema: this.schema(value, base) })
      }
    }
    const names = objectGet(node, 'propertyNames')
    if (names !== undefined && this.#since(6)) {
      if (typeof names !== 'boolean' && !isObject(names)) throw invalidType('Valid Schema', 'patternProperties')
      schema.propertyNames = this.schema(names, base)
    }
    const dependencies = objectGet(node, 'dependencies')
    if (dependencies !== undefined) this.#dependencies(schema, dependencies, base)
    for (const name of this.#list(node, 'required') ?? []) {
      if (typeof name !== 'string') throw invalidType('string', 'required')
      if (schema.required.includes(name)) throw new BuiltinError('required items must be unique')
      schema.required.push(name)
    }
  }

  #dependencies(schema: Schema, dependencies: Value, base: string): void {
    if (!isObject(dependencies)) throw new BuiltinError('dependencies must be of type object')
    for (const [key, value] of objectEntries(dependencies)) {
      if (isArray(value) && value.every((name) => typeof name === 'string')) {
        schema.dependencies.set(key as string, value as readonly string[])
      } else if (typeof value === 'boolean' || isObject(value)) {
        schema.dependencies.set(key as string, this.schema(value, base))
      } else {
        throw new BuiltinError('Dependency must be of type Schema Or Array Of Strings')
      }
    }
  }

  #booleanOrSchema(node: ObjectValue, key: string, base: string, set: (value: boolean | Schema) => void): void {
    const value = objectGet(node, key)
    if (value === undefined) return
    if (typeof value === 'boolean') set(value)
    else if (isObject(value)) set(this.schema(value, base))
    else throw invalidType('boolean/Valid Schema', key)
  }

  #arrayKeywords(schema: Schema, node: ObjectValue, base: string): void {
    const items = objectGet(node, 'items')
    const isSchema = (value: Value): boolean => typeof value === 'boolean' || isObject(value)
    if (items !== undefined) {
      if (isArray(items) ? !items.every(isSchema) : !isSchema(items))
        throw invalidType('Valid Schema/Array Of Schemas', 'items')
      schema.items = isArray(items) ? items.map((item) => this.schema(item, base)) : this.schema(items, base)
    }
    this.#booleanOrSchema(node, 'additionalItems', base, (value) => {
      schema.additionalItems = value
    })
    const unique = objectGet(node, 'uniqueItems')
    if (unique !== undefined) {
      if (typeof unique !== 'boolean') throw new BuiltinError('uniqueItems must be of a boolean')
      schema.uniqueItems = unique
    }
    const contained = objectGet(node, 'contains')
    if (contained !== undefined && this.#since(6)) schema.contains = this.schema(contained, base)
  }

  #numberKeywords(schema: Schema, node: ObjectValue): void {
    const multiple = objectGet(node, 'multipleOf')
    if (multiple !== undefined) {
      if (!isNumber(multiple)) throw invalidType('Number', 'multipleOf')
      if (compareNumbers(multiple, 0) <= 0) throw new BuiltinError('multipleOf must be strictly greater than 0')
      schema.multipleOf = multiple
    }
    this.#bound(schema, node, 'minimum', 'exclusiveMinimum')
    this.#bound(schema, node, 'maximum', 'exclusiveMaximum')
    for (const key of COUNTS) {
      const value = objectGet(node, key)
      if (value === undefined) continue
      const count = isNumber(value) ? toSafeInteger(value) : undefined
      if (count === undefined) throw new BuiltinError(`${key} must be of an integer`)
      if (count < 0) throw new BuiltinError(`${key} must be greater than or equal to 0`)
      schema.counts.set(key, count)
    }
    for (const [low, high] of [
      ['minLength', 'maxLength'],
      ['minProperties', 'maxProperties'],
    ] as const) {
      if ((schema.counts.get(low) ?? 0) > (schema.counts.get(high) ?? Number.POSITIVE_INFINITY)) {
        throw new BuiltinError(`${low} cannot be greater than ${high}`)
      }
    }
  }

  /** In draft 4 the exclusive form is a switch on the inclusive one, later a bound of its own. */
  #bound(
    schema: Schema,
    node: ObjectValue,
    key: 'minimum' | 'maximum',
    exclusiveKey: 'exclusiveMinimum' | 'exclusiveMaximum',
  ): void {
    const inclusive = objectGet(node, key)
    if (inclusive !== undefined) {
      if (!isNumber(inclusive)) throw new BuiltinError(`${key} must be of a Number`)
      schema[key] = inclusive
    }
    const exclusive = objectGet(node, exclusiveKey)
    if (exclusive === undefined) return
    if (typeof exclusive === 'boolean' && (this.#draft === 4 || this.#draft === 'hybrid')) {
      if (inclusive === undefined) throw new BuiltinError(`${exclusiveKey} cannot be used without ${key}`)
      if (!exclusive) return
      schema[exclusiveKey] = inclusive as RegoNumber
      delete schema[key]
    } else if (isNumber(exclusive) && this.#draft !== 4) {
      schema[exclusiveKey] = exclusive
    } else {
      throw invalidType(
        this.#draft === 4 ? 'boolean' : this.#draft === 'hybrid' ? 'boolean/number' : 'number',
        exclusiveKey,
      )
    }
  }

  #otherKeywords(schema: Schema, node: ObjectValue): void {
    const pattern = this.#text(node, 'pattern')
    if (pattern !== undefined) {
      if (!isPattern(pattern)) throw new BuiltinError('pattern must be a valid regex')
      schema.pattern = { source: pattern, compiled: compilePattern(pattern) }
    }
    const format = this.#text(node, 'format')
    if (format !== undefined && format !== '') schema.format = format
    const constant = objectGet(node, 'const')
    if (constant !== undefined && this.#since(6)) schema.constant = canonical(constant)
    const allowed = this.#list(node, 'enum')?.map(canonical)
    if (allowed === undefined) return
    if (new Set(allowed).size !== allowed.length) throw new BuiltinError('enum items must be unique')
    schema.enumeration = allowed
  }

  #combinations(schema: Schema, node: ObjectValue, base: string): void {
    for (const key of ['oneOf', 'anyOf', 'allOf'] as const) {
      for (const one of this.#list(node, key) ?? []) schema[key].push(this.schema(one, base))
    }
    const keys = this.#since(7) ? (['not', 'if', 'then', 'else'] as const) : (['not'] as const)
    for (const key of keys) {
      const value = objectGet(node, key)
      if (value === undefined) continue
      if (typeof value !== 'boolean' && !isObject(value)) throw new BuiltinError(`${key} must be of an object`)
      schema[key] = this.schema(value, base)
    }
  }
}
