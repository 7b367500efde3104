/** `is_*`, `type_name`, `to_number` and the deprecated casts. */
import { type Builtin, BuiltinError, builtin, T } from '../builtins-api.js'
import { isNumber, parseNumber } from '../number.js'
import { RegoSet, type TypeName, typeName } from '../value.js'
import { quote } from './go/quote.js'
import { elementsOf, given, typeError } from './operands.js'

function check(type: TypeName): Builtin {
  return builtin(`is_${type}`, [T.any], T.boolean, (_, value) => typeName(given(value)) === type)
}

function cast(type: 'string' | 'boolean' | 'null' | 'object'): Builtin {
  const result = type === 'object' ? T.object(T.any, T.any) : T[type]
  return builtin(`cast_${type}`, [T.any], result, (_, value) => {
    if (typeName(given(value)) !== type) throw typeError(1, value, type)
    return value
  })
}

/** What Go's `ParseFloat` takes and OPA then reads as a number. */
const DECIMAL = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/

function numberFromText(text: string): ReturnType<typeof parseNumber> {
  const bare = text.replace(/^[+-]+/, '').toLowerCase()
  if (bare === 'inf' || bare === 'infinity' || bare === 'nan') throw typeError(1, text, 'valid number string')
  const plain = DECIMAL.test(text) ? text : undefined
  if (plain === undefined) throw new BuiltinError(`strconv.ParseFloat: parsing ${quote(text)}: invalid syntax`)
  if (!Number.isFinite(Number(plain)))
    throw new BuiltinError(`strconv.ParseFloat: parsing ${quote(text)}: value out of range`)
  const [, sign = '', whole = '', fraction = '', exponent = ''] =
    /^([+-]?)(\d*)(?:\.(\d*))?([eE].*)?$/.exec(plain) ?? []
  return parseNumber(`${sign === '-' ? '-' : ''}${whole || '0'}${fraction === '' ? '' : `.${fraction}`}${exponent}`)
}

export const types: readonly Builtin[] = [
  check('array'),
  check('boolean'),
  check('null'),
  check('number'),
  check('object'),
  check('set'),
  check('string'),
  builtin('type_name', [T.any], T.string, (_, value) => typeName(given(value))),
  builtin('to_number', [T.union(T.null, T.boolean, T.number, T.string)], T.number, (_, operand) => {
    const value = given(operand)
    if (value === null) return 0
    if (typeof value === 'boolean') return value ? 1 : 0
    if (isNumber(value)) return value
    if (typeof value === 'string') return numberFromText(value)
    throw typeError(1, value, 'null', 'boolean', 'number', 'string')
  }),
  builtin('cast_array', [T.any], T.array(T.any), (_, value) => {
    const elements = elementsOf(value)
    if (elements === undefined) throw typeError(1, value, 'array', 'set')
    return elements
  }),
  builtin('cast_set', [T.any], T.set(T.any), (_, value) => {
    const elements = elementsOf(value)
    if (elements === undefined) throw typeError(1, value, 'array', 'set')
    return value instanceof RegoSet ? value : RegoSet.from(elements)
  }),
  cast('string'),
  cast('boolean'),
  cast('null'),
  cast('object'),
]
