/** `abs`, `round`, `ceil`, `floor`, `numbers.range`, `numbers.range_step`, `rand.intn`. */
import { absolute, ceil, floor, roundHalfAway } from '../arithmetic.js'
import {
  type Builtin,
  type BuiltinContext,
  BuiltinError,
  builtin,
  numberOperand,
  stringOperand,
  T,
} from '../builtins-api.js'
import { compareNumbers, type RegoNumber } from '../number.js'
import type { Value } from '../value.js'
import { bigIntOperand, integer, intOperand } from './operands.js'

function unary(name: string, operation: (value: RegoNumber) => RegoNumber): Builtin {
  return builtin(name, [T.number], T.number, (_, value) => operation(numberOperand(value, 1)))
}

/** Between -1 and 0 OPA looks at the sign of the integer part, which is none, and so rounds as if the number were positive. */
function isNegativeFraction(value: RegoNumber): boolean {
  return compareNumbers(value, 0) < 0 && compareNumbers(value, -1) > 0
}

function range(context: BuiltinContext, from: bigint, to: bigint, step: bigint): Value {
  const distance = from <= to ? to - from : from - to
  const count = distance / step + 1n
  context.charge(count > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(count))
  const direction = from <= to ? step : -step
  return Array.from({ length: Number(count) }, (_, i) => integer(from + direction * BigInt(i)))
}

export const numbers: readonly Builtin[] = [
  unary('abs', absolute),
  unary('round', roundHalfAway),
  unary('ceil', (value) => (isNegativeFraction(value) ? 1 : ceil(value))),
  unary('floor', (value) => (isNegativeFraction(value) ? 0 : floor(value))),
  builtin('numbers.range', [T.number, T.number], T.array(T.number), (context, from, to) =>
    range(context, bigIntOperand(from, 1), bigIntOperand(to, 2), 1n),
  ),
  builtin('numbers.range_step', [T.number, T.number, T.number], T.array(T.number), (context, from, to, step) => {
    const first = bigIntOperand(from, 1)
    const last = bigIntOperand(to, 2)
    const by = bigIntOperand(step, 3)
    if (by <= 0n) throw new BuiltinError('numbers.range_step: step must be a positive integer')
    return range(context, first, last, by)
  }),
  builtin(
    'rand.intn',
    [T.string, T.number],
    T.number,
    (context, key, bound) => {
      const text = stringOperand(key, 1)
      const limit = BigInt(Math.abs(intOperand(bound, 2)))
      if (limit === 0n) return 0
      const cacheKey = `rand.intn ${limit} ${text}`
      const known = context.cache.get(cacheKey) as RegoNumber | undefined
      if (known !== undefined) return known
      const drawn = integer(below(context, limit))
      context.cache.set(cacheKey, drawn)
      return drawn
    },
    { impure: 'random' },
  ),
]

/** A uniform integer below the limit: draws that would favour small results are thrown away. */
function below(context: BuiltinContext, limit: bigint): bigint {
  const range = 1n << 64n
  const fair = range - (range % limit)
  for (;;) {
    const drawn = context.randomBytes(8).reduce((all, byte) => (all << 8n) | BigInt(byte), 0n)
    if (drawn < fair) return drawn % limit
  }
}
