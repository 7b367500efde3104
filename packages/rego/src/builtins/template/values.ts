/**
 * Values inside a template. What comes from JSON is as Go decodes it for templates: numbers are text of a kind of their own. What a template writes
 * itself are Go's numbers.
 */
import { formatNumber, isNumber } from '../../number.js'
import { isArray, isObject, objectEntries, objectSize, sizeOf, type Value } from '../../value.js'
import { formatFloat } from '../go/float-text.js'

/** An integer or float that the template made; numbers from outside are Rego numbers. */
export class GoNumber {
  constructor(
    readonly value: number,
    readonly integer = Number.isInteger(value),
  ) {}
}

/** `undefined` is Go's missing value, printed as `<no value>`. */
export type Datum = Value | GoNumber | undefined

export function isTrue(datum: Datum): boolean {
  if (datum === undefined || datum === null || datum === false || datum === '') return false
  if (datum instanceof GoNumber) return datum.value !== 0
  // A JSON number is text to Go, and none is empty.
  if (datum === true || typeof datum === 'string' || isNumber(datum)) return true
  return sizeOf(datum) !== 0
}

/** As Go prints it: `[a b]`, `map[k:v]`. */
export function printed(datum: Datum): string {
  if (datum === undefined || datum === null) return '<no value>'
  return shown(datum)
}

/** As the functions print it, to which no value and null are the same. */
export function shown(datum: Datum): string {
  if (datum === undefined || datum === null) return '<nil>'
  if (datum instanceof GoNumber) return datum.integer ? String(datum.value) : formatFloat(datum.value, 'g', -1)
  if (typeof datum === 'string') return datum
  if (isNumber(datum)) return formatNumber(datum)
  if (isArray(datum)) return `[${datum.map(shown).join(' ')}]`
  if (!isObject(datum)) return String(datum)
  return `map[${Array.from(objectEntries(datum), ([key, value]) => `${key as string}:${shown(value)}`).join(' ')}]`
}

export function lengthOf(datum: Datum): number | undefined {
  if (typeof datum === 'string') return Buffer.byteLength(datum)
  if (datum === undefined || datum === null || datum instanceof GoNumber) return undefined
  if (isNumber(datum)) return formatNumber(datum).length
  if (isArray(datum)) return datum.length
  return isObject(datum) ? objectSize(datum) : undefined
}
