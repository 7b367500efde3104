/** Validating a document, with the errors that the library of OPA reports and in its order. */
import { BuiltinError } from '../../builtins-api.js'
import { compareNumbers, formatNumber, isInteger, isNumber, parts, powerOfTen, type RegoNumber } from '../../number.js'
import {
  isArray,
  isObject,
  type ObjectValue,
  objectEntries,
  objectGet,
  objectSize,
  typeName,
  type Value,
} from '../../value.js'
import { jsonText } from '../go/json-text.js'
import { matchesFormat } from './formats.js'
import type { Schema } from './schema.js'

export interface Failure {
  readonly type: string
  /** Where: `(Root)` or a path such as `a.0.b`. */
  readonly field: string
  readonly description: string
}

const ROOT = '(Root)'
/** Beyond the deepest document, since a schema may look at one place several times. */
const MAX_DEPTH = 600
const canonical = (value: Value): string => jsonText(value, () => {})

/** @param charge called for each schema that is looked at */
export function validate(schema: Schema, document: Value, charge: (steps: number) => void): readonly Failure[] {
  const validator = new Validator(charge)
  validator.check(schema, document, [])
  return validator.failures
}

class Validator {
  readonly failures: Failure[] = []
  /** How well the document fits, to tell the best of several that fail. */
  score = 0

  constructor(
    readonly charge: (steps: number) => void,
    readonly depth = 0,
  ) {
    if (depth > MAX_DEPTH) throw new BuiltinError('schema recurses too deeply')
  }

  #fail(type: string, path: readonly string[], description: string): void {
    const field = path.length === 0 ? ROOT : path.join('.')
    this.failures.push({ type, field, description: description.replaceAll('{field}', field) })
    this.score -= 2
  }

  /** The schema on its own. */
  #apart(schema: Schema, value: Value, path: readonly string[]): Validator {
    const inner = new Validator(this.charge, this.depth + 1)
    inner.check(schema, value, path)
    return inner
  }

  #merge(other: Validator | undefined): void {
    if (other === undefined) return
    this.failures.push(...other.failures)
    this.score += other.score
  }

  check(outer: Schema, value: Value, path: readonly string[]): void {
    this.charge(1)
    let schema = outer
    for (let hops = 0; schema.ref !== undefined; hops++) {
      if (hops > MAX_DEPTH) throw new BuiltinError('schema recurses too deeply')
      schema = schema.ref
    }
    if (schema.pass !== undefined) {
      if (!schema.pass) this.#fail('false', path, 'False always fails validation')
      return
    }
    const type = jsonType(value)
    const fits = schema.types.includes(type) || (type === 'integer' && schema.types.includes('number'))
    if (schema.types.length > 0 && !fits) {
      const expected = schema.types.length > 1 ? `[${schema.types.join(',')}]` : schema.types[0]
      this.#fail('invalid_type', path, `Invalid type. Expected: ${expected}, given: ${type}`)
      return
    }
    this.#combinations(schema, value, path)
    if (isArray(value)) this.#array(schema, value, path)
    else if (isNumber(value)) this.#number(schema, value, path)
    else if (isObject(value)) this.#object(schema, value, path)
    this.#common(schema, value, path)
    if (typeof value === 'string') this.#string(schema, value, path)
    if (isObject(value)) {
      for (const [name, property] of schema.properties) {
        const member = objectGet(value, name)
        if (member !== undefined) this.check(property, member, [...path, name])
      }
    }
    this.score += 1
  }

  #combinations(schema: Schema, value: Value, path: readonly string[]): void {
    if (schema.anyOf.length > 0) {
      const results = schema.anyOf.map((one) => this.#apart(one, value, path))
      if (results.every(({ failures }) => failures.length > 0)) {
        this.#fail('number_any_of', path, 'Must validate at least one schema (anyOf)')
        this.#merge(best(results))
      }
    }
    if (schema.oneOf.length > 0) {
      const results = schema.oneOf.map((one) => this.#apart(one, value, path))
      const valid = results.filter(({ failures }) => failures.length === 0).length
      if (valid !== 1) this.#fail('number_one_of', path, 'Must validate one and only one schema (oneOf)')
      if (valid === 0) this.#merge(best(results))
    }
    if (schema.allOf.length > 0) {
      const results = schema.allOf.map((one) => this.#apart(one, value, path))
      for (const result of results) this.#merge(result)
      if (results.some(({ failures }) => failures.length > 0)) {
        this.#fail('number_all_of', path, 'Must validate all the schemas (allOf)')
      }
    }
    if (schema.not !== undefined && this.#apart(schema.not, value, path).failures.length === 0) {
      this.#fail('number_not', path, 'Must not validate the schema (not)')
    }
    if (isObject(value)) this.#dependencies(schema, value, path)
    if (schema.if !== undefined) this.#condition(schema, schema.if, value, path)
    this.score += 1
  }

  #dependencies(schema: Schema, value: ObjectValue, path: readonly string[]): void {
    for (const [name, dependency] of schema.dependencies) {
      if (objectGet(value, name) === undefined) continue
      if (!('length' in dependency)) {
        this.check(dependency, value, path)
        continue
      }
      for (const needed of dependency) {
        if (objectGet(value, needed) === undefined)
          this.#fail('missing_dependency', path, `Has a dependency on ${needed}`)
      }
    }
  }

  #condition(schema: Schema, condition: Schema, value: Value, path: readonly string[]): void {
    const holds = this.#apart(condition, value, path).failures.length === 0
    const branch = holds ? schema.then : schema.else
    const result = branch && this.#apart(branch, value, path)
    if (result === undefined || result.failures.length === 0) return
    if (holds) this.#fail('condition_then', path, 'Must validate "then" as "if" was valid')
    else this.#fail('condition_else', path, 'Must validate "else" as "if" was not valid')
    this.#merge(result)
  }

  #common(schema: Schema, value: Value, path: readonly string[]): void {
    if (schema.constant !== undefined && canonical(value) !== schema.constant) {
      this.#fail('const', path, `{field} does not match: ${schema.constant}`)
    }
    if (schema.enumeration !== undefined && !schema.enumeration.includes(canonical(value))) {
      this.#fail('enum', path, `{field} must be one of the following: ${schema.enumeration.join(', ')}`)
    }
    if (schema.format !== undefined && typeof value === 'string' && !matchesFormat(schema.format, value)) {
      this.#fail('format', path, `Does not match format '${schema.format}'`)
    }
    this.score += 1
  }

  #array(schema: Schema, value: readonly Value[], path: readonly string[]): void {
    for (const [i, element] of value.entries()) {
      const { items } = schema
      const extra = schema.additionalItems
      const own =
        items === undefined || !('length' in items)
          ? items
          : (items[i] ?? (typeof extra === 'object' ? extra : undefined))
      if (own !== undefined) this.#merge(this.#apart(own, element, [...path, String(i)]))
    }
    const positional = schema.items !== undefined && 'length' in schema.items ? schema.items.length : 0
    if (positional > 0 && positional < value.length && schema.additionalItems === false) {
      this.#fail('array_no_additional_items', path, 'No additional items allowed on array')
    }
    const [least, most] = [schema.counts.get('minItems'), schema.counts.get('maxItems')]
    if (least !== undefined && value.length < least)
      this.#fail('array_min_items', path, `Array must have at least ${least} items`)
    if (most !== undefined && value.length > most)
      this.#fail('array_max_items', path, `Array must have at most ${most} items`)
    if (schema.uniqueItems) this.#unique(value, path)
    if (schema.contains !== undefined) this.#contains(schema.contains, value, path)
    this.score += 1
  }

  #unique(value: readonly Value[], path: readonly string[]): void {
    const seen = new Map<string, number>()
    for (const [j, element] of value.entries()) {
      const text = canonical(element)
      const i = seen.get(text)
      if (i !== undefined) this.#fail('unique', path, `array items[${i},${j}] must be unique`)
      seen.set(text, j)
    }
  }

  #contains(schema: Schema, value: readonly Value[], path: readonly string[]): void {
    const results: Validator[] = []
    for (const [i, element] of value.entries()) {
      const result = this.#apart(schema, element, [...path, String(i)])
      if (result.failures.length === 0) return
      results.push(result)
    }
    this.#fail('contains', path, 'At least one of the items must match')
    this.#merge(best(results))
  }

  #object(schema: Schema, value: ObjectValue, path: readonly string[]): void {
    const size = objectSize(value)
    const [least, most] = [schema.counts.get('minProperties'), schema.counts.get('maxProperties')]
    if (least !== undefined && size < least)
      this.#fail('array_min_properties', path, `Must have at least ${least} properties`)
    if (most !== undefined && size > most)
      this.#fail('array_max_properties', path, `Must have at most ${most} properties`)
    for (const name of schema.required) {
      if (objectGet(value, name) === undefined) this.#fail('required', path, `${name} is required`)
      else this.score += 1
    }
    for (const [key, member] of objectEntries(value)) this.#property(schema, key as string, member, path)
    if (schema.propertyNames !== undefined) {
      for (const [key] of objectEntries(value)) {
        const result = this.#apart(schema.propertyNames, key, path)
        if (result.failures.length === 0) continue
        this.#fail('invalid_property_name', path, `Property name of "${key as string}" does not match`)
        this.#merge(result)
      }
    }
    this.score += 1
  }

  /** Patterns apply to every property, `additionalProperties` to those that nothing else describes. */
  #property(schema: Schema, key: string, member: Value, path: readonly string[]): void {
    const matching = schema.patternProperties.filter(({ pattern }) => pattern.test(key))
    for (const one of matching) this.#merge(this.#apart(one.schema, member, [...path, key]))
    if (matching.length > 0) this.score += 1
    if (matching.length > 0 || schema.properties.has(key)) return
    const additional = schema.additionalProperties
    if (additional === false) {
      this.#fail('additional_property_not_allowed', path, `Additional property ${key} is not allowed`)
    } else if (typeof additional === 'object') {
      this.#merge(this.#apart(additional, member, [...path, key]))
    }
  }

  #string(schema: Schema, value: string, path: readonly string[]): void {
    const length = [...value].length
    const [least, most] = [schema.counts.get('minLength'), schema.counts.get('maxLength')]
    if (least !== undefined && length < least) {
      this.#fail('string_gte', path, `String length must be greater than or equal to ${least}`)
    }
    if (most !== undefined && length > most) {
      this.#fail('string_lte', path, `String length must be less than or equal to ${most}`)
    }
    if (schema.pattern !== undefined && !schema.pattern.compiled.test(value)) {
      this.#fail('pattern', path, `Does not match pattern '${schema.pattern.source}'`)
    }
    this.score += 1
  }

  #number(schema: Schema, value: RegoNumber, path: readonly string[]): void {
    const { multipleOf, maximum, exclusiveMaximum, minimum, exclusiveMinimum } = schema
    if (multipleOf !== undefined && !isMultiple(value, multipleOf)) {
      this.#fail('multiple_of', path, `Must be a multiple of ${formatNumber(multipleOf)}`)
    }
    if (maximum !== undefined && compareNumbers(value, maximum) > 0) {
      this.#fail('number_lte', path, `Must be less than or equal to ${formatNumber(maximum)}`)
    }
    if (exclusiveMaximum !== undefined && compareNumbers(value, exclusiveMaximum) >= 0) {
      this.#fail('number_lt', path, `Must be less than ${formatNumber(exclusiveMaximum)}`)
    }
    if (minimum !== undefined && compareNumbers(value, minimum) < 0) {
      this.#fail('number_gte', path, `Must be greater than or equal to ${formatNumber(minimum)}`)
    }
    if (exclusiveMinimum !== undefined && compareNumbers(value, exclusiveMinimum) <= 0) {
      this.#fail('number_gt', path, `Must be greater than ${formatNumber(exclusiveMinimum)}`)
    }
    this.score += 1
  }
}

function best(results: readonly Validator[]): Validator | undefined {
  return results.reduce<Validator | undefined>((a, b) => (a === undefined || b.score > a.score ? b : a), undefined)
}

function jsonType(value: Value): string {
  if (isNumber(value)) return isInteger(value) ? 'integer' : 'number'
  return typeName(value)
}

function isMultiple(value: RegoNumber, divisor: RegoNumber): boolean {
  const [a, ae] = parts(value)
  const [b, be] = parts(divisor)
  if (Math.abs(ae - be) > 10_000) throw new BuiltinError('number too big')
  const exponent = Math.min(ae, be)
  return (a * powerOfTen(ae - exponent)) % (b * powerOfTen(be - exponent)) === 0n
}
