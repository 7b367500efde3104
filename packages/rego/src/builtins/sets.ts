/** `intersection`, `union` and the deprecated `set_diff`; the operators `&`, `|` and `-` are the evaluator's. */
import { type Builtin, builtin, setOperand, T } from '../builtins-api.js'
import { RegoSet } from '../value.js'

const anySet = T.set(T.any)

export const sets: readonly Builtin[] = [
  builtin('intersection', [T.set(anySet)], anySet, (_, operand) => {
    const all = [...setOperand(operand, 1).unsorted()].map((one) => setOperand(one, 1))
    const [first, ...others] = all.sort((a, b) => a.size - b.size)
    const common = new RegoSet()
    for (const element of first?.unsorted() ?? []) if (others.every((other) => other.has(element))) common.add(element)
    return common
  }),
  builtin('union', [T.set(anySet)], anySet, (_, operand) => {
    const all = [...setOperand(operand, 1).unsorted()].map((one) => setOperand(one, 1))
    const result = new RegoSet()
    for (const one of all) for (const element of one.unsorted()) result.add(element)
    return result
  }),
  builtin('set_diff', [anySet, anySet], anySet, (_, a, b) => {
    const left = setOperand(a, 1)
    const right = setOperand(b, 2)
    const result = new RegoSet()
    for (const element of left.unsorted()) if (!right.has(element)) result.add(element)
    return result
  }),
]
