/** `sprintf`, with Go's verbs. */
import { arrayOperand, type Builtin, builtin, stringOperand, T } from '../builtins-api.js'
import { formatNumber, isNumber, type RegoNumber, toDouble } from '../number.js'
import { regoText } from '../text.js'
import type { Value } from '../value.js'
import { type Operand, sprintf } from './go/sprintf.js'
import { chargeValue, textMeter } from './operands.js'

/** Integers are Go's `int64` or `*big.Int`, fractions `float64`, a number beyond a double its text, composites Rego notation. */
function operandOf(value: Value): Operand {
  if (isNumber(value)) return numberOperandOf(value)
  return { type: 'string', value: typeof value === 'string' ? value : regoText(value) }
}

function numberOperandOf(value: RegoNumber): Operand {
  const text = formatNumber(value)
  if (/^-?\d+$/.test(text)) {
    const beyondDouble = exponentForm(text)
    if (beyondDouble !== undefined) return { type: 'string', value: beyondDouble }
    const integer = BigInt(text)
    return { type: BigInt.asIntN(64, integer) === integer ? 'int64' : '*big.Int', value: integer }
  }
  const double = toDouble(value)
  return Number.isFinite(double) ? { type: 'float64', value: double } : { type: 'string', value: text }
}

/** Numbers such as 2e308 are written with an exponent because nobody writes their zeros; OPA prints them as written. */
function exponentForm(text: string): string | undefined {
  const [, sign = '', digits = '', zeros = ''] = /^(-?)(\d+?)(0*)$/.exec(text) ?? []
  if (zeros.length < 200 || Number.isFinite(Number(text))) return undefined
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
  return `${sign}${digits[0]}${fraction}e${zeros.length + digits.length - 1}`
}

export const formatting: readonly Builtin[] = [
  builtin('sprintf', [T.string, T.array(T.any)], T.string, (context, format, operands) => {
    const text = stringOperand(format, 1)
    const values = arrayOperand(operands, 2).map((operand) => {
      if (typeof operand === 'object') chargeValue(context, operand)
      return operandOf(operand)
    })
    return sprintf(text, values, textMeter(context))
  }),
]
