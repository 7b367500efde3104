/** A schema made ready for validating. */
import type { RegoNumber } from '../../number.js'
import type { Pattern } from '../regex/pattern.js'

export interface Schema {
  /** `true` and `false` stand for what everything and nothing matches. */
  pass?: boolean
  /** A schema with a reference is nothing else. */
  ref?: Schema
  types: string[]
  properties: Map<string, Schema>
  additionalProperties?: boolean | Schema
  patternProperties: { readonly pattern: Pattern; readonly schema: Schema }[]
  propertyNames?: Schema
  dependencies: Map<string, readonly string[] | Schema>
  items?: Schema | readonly Schema[]
  additionalItems?: boolean | Schema
  contains?: Schema
  multipleOf?: RegoNumber
  minimum?: RegoNumber
  maximum?: RegoNumber
  exclusiveMinimum?: RegoNumber
  exclusiveMaximum?: RegoNumber
  /** Bounds of lengths and counts by keyword. */
  counts: Map<string, number>
  pattern?: { readonly source: string; readonly compiled: Pattern }
  format?: string
  required: string[]
  uniqueItems?: boolean
  /** JSON text of what is allowed. */
  constant?: string
  enumeration?: readonly string[]
  oneOf: Schema[]
  anyOf: Schema[]
  allOf: Schema[]
  not?: Schema
  if?: Schema
  then?: Schema
  else?: Schema
}

export function emptySchema(): Schema {
  return {
    types: [],
    properties: new Map(),
    patternProperties: [],
    dependencies: new Map(),
    counts: new Map(),
    required: [],
    oneOf: [],
    anyOf: [],
    allOf: [],
  }
}
