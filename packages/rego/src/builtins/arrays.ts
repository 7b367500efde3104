/** `array.*` */
import { arrayOperand, type Builtin, builtin, T } from '../builtins-api.js'
import { isArray } from '../value.js'
import { intOperand } from './operands.js'

const anyArray = T.array(T.any)

export const arrays: readonly Builtin[] = [
  builtin('array.concat', [anyArray, anyArray], anyArray, (context, a, b) => {
    const left = arrayOperand(a, 1)
    const right = arrayOperand(b, 2)
    context.charge((left.length + right.length) >> 3)
    return [...left, ...right]
  }),
  builtin('array.flatten', [anyArray], anyArray, (context, operand) => {
    const array = arrayOperand(operand, 1)
    context.charge(array.reduce<number>((size, element) => size + (isArray(element) ? element.length : 1), 0) >> 3)
    return array.flatMap((element) => (isArray(element) ? element : [element]))
  }),
  builtin('array.reverse', [anyArray], anyArray, (_, array) => [...arrayOperand(array, 1)].reverse()),
  builtin('array.slice', [anyArray, T.number, T.number], anyArray, (_, array, start, stop) => {
    const all = arrayOperand(array, 1)
    const from = intOperand(start, 2)
    const to = Math.min(Math.max(intOperand(stop, 3), 0), all.length)
    return all.slice(Math.min(Math.max(from, 0), to), to)
  }),
]
