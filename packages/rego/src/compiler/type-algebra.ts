/** What the type checker knows about types: whether two may be the same, what is inside one, and their text. */
import { visit } from '../meter.js'
import { T, type Type } from '../types.js'
import { equal, isArray, isNumber, isObject, isSet, objectEntries, type Value } from '../value.js'

/** Beyond this many alternatives a union says nothing useful any more. */
const MAX_ALTERNATIVES = 16

export function isAny(type: Type): boolean {
  return type.kind === 'any'
}

export function union(types: readonly Type[]): Type {
  const flat = types.flatMap((type) => (type.kind === 'union' ? type.of : [type]))
  if (flat.some(isAny)) return T.any
  const unique = new Map(flat.map((type) => [typeText(type), type]))
  const [first, ...rest] = unique.values()
  if (!first) return T.any
  if (rest.length === 0) return first
  return rest.length < MAX_ALTERNATIVES ? { kind: 'union', of: [first, ...rest] } : T.any
}

export function typeOfValue(value: Value): Type {
  if (isNumber(value)) return T.number
  if (value === null) return T.null
  if (typeof value === 'string') return T.string
  if (typeof value === 'boolean') return T.boolean
  if (isArray(value)) return { kind: 'array', items: value.map(typeOfValue) }
  if (isSet(value)) return T.set(value.size === 0 ? T.any : union(value.sorted().map(typeOfValue)))
  if (!isObject(value)) return T.any
  return {
    kind: 'object',
    fields: [...objectEntries(value)].map(([key, member]) => ({ key, value: typeOfValue(member) })),
  }
}

/** Whether some value has both types. */
export function overlaps(a: Type, b: Type): boolean {
  if (a === b || a.kind === 'any' || b.kind === 'any') return true
  visit()
  if (a.kind === 'union') return a.of.some((one) => overlaps(one, b))
  if (b.kind === 'union') return b.of.some((one) => overlaps(a, one))
  if (a.kind === 'array' && b.kind === 'array') return arraysOverlap(a, b)
  if (a.kind === 'object' && b.kind === 'object') return objectsOverlap(a, b)
  if (a.kind === 'set' && b.kind === 'set') return overlaps(a.of, b.of)
  return a.kind === b.kind
}

type ArrayType = Extract<Type, { kind: 'array' }>
type ObjectType = Extract<Type, { kind: 'object' }>

function arraysOverlap(a: ArrayType, b: ArrayType): boolean {
  const length = Math.max(a.items.length, b.items.length)
  for (let at = 0; at < length; at++) {
    const [x, y] = [a.items[at] ?? a.rest, b.items[at] ?? b.rest]
    if (!x || !y || !overlaps(x, y)) return false
  }
  return true
}

function objectsOverlap(a: ObjectType, b: ObjectType): boolean {
  const fits = (one: ObjectType, other: ObjectType) =>
    one.fields.every(({ key, value }) => {
      const member = fieldOf(other, key as Value)
      return member ? overlaps(value, member) : one.rest !== undefined || other.rest !== undefined
    })
  return fits(a, b) && fits(b, a)
}

function fieldOf(type: ObjectType, key: Value): Type | undefined {
  return type.fields.find((field) => equal(field.key as Value, key))?.value
}

/** The type of what is under a constant key; undefined when there can be nothing. */
export function select(type: Type, key: Value): Type | undefined {
  switch (type.kind) {
    case 'any':
      return T.any
    case 'array':
      return typeof key === 'number' && Number.isInteger(key) && key >= 0 ? (type.items[key] ?? type.rest) : undefined
    case 'object': {
      const field = fieldOf(type, key)
      if (field) return field
      return type.rest && overlaps(type.rest.key, typeOfValue(key)) ? type.rest.value : undefined
    }
    case 'set': {
      // What a set has under a key is the key itself.
      const own = typeOfValue(key)
      return overlaps(type.of, own) ? own : undefined
    }
    case 'union': {
      const found = type.of.flatMap((one) => select(one, key) ?? [])
      return found.length > 0 ? union(found) : undefined
    }
    default:
      return undefined
  }
}

/** The types of keys and values when all are tried; undefined for what has none. */
export function inside(type: Type): { key: Type; value: Type } | undefined {
  switch (type.kind) {
    case 'any':
      return { key: T.any, value: T.any }
    case 'array':
      return { key: T.number, value: union([...type.items, ...(type.rest ? [type.rest] : [])]) }
    case 'set':
      return { key: type.of, value: type.of }
    case 'object': {
      const rest = type.rest
      return {
        key: union([...type.fields.map(({ key }) => typeOfValue(key as Value)), ...(rest ? [rest.key] : [])]),
        value: union([...type.fields.map(({ value }) => value), ...(rest ? [rest.value] : [])]),
      }
    }
    case 'union': {
      const found = type.of.flatMap((one) => inside(one) ?? [])
      return found.length > 0
        ? { key: union(found.map(({ key }) => key)), value: union(found.map(({ value }) => value)) }
        : undefined
    }
    default:
      return undefined
  }
}

/** A type as OPA writes it: `array[string]`, `object<a: number>[string: any]`, `any<null, number>`. */
export function typeText(type: Type): string {
  visit()
  switch (type.kind) {
    case 'array': {
      const items = type.items.length > 0 ? `<${type.items.map(typeText).join(', ')}>` : ''
      return `array${items}${type.rest ? `[${typeText(type.rest)}]` : ''}`
    }
    case 'set':
      return `set[${typeText(type.of)}]`
    case 'object': {
      const fields = type.fields.map(
        ({ key, value }) => `${typeof key === 'string' ? key : JSON.stringify(String(key))}: ${typeText(value)}`,
      )
      const rest = type.rest ? `[${typeText(type.rest.key)}: ${typeText(type.rest.value)}]` : ''
      return `object${fields.length > 0 ? `<${fields.join(', ')}>` : ''}${rest}`
    }
    case 'union':
      return `any<${type.of.map(typeText).sort().join(', ')}>`
    case 'function':
      return `(${type.args.map(typeText).join(', ')}) => ${typeText(type.result)}`
    default:
      return type.kind
  }
}
