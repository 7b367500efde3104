/** `glob.match` and `glob.quote_meta`. */
import { type Builtin, builtin, stringOperand, T } from '../builtins-api.js'
import { isArray, type Value } from '../value.js'
import { compileGlob } from './glob/compile.js'
import { given, runesOperand, typeError } from './operands.js'

/** Characters that `*` and `?` stop at: a dot unless others are given, none at all when null is. */
function delimitersOperand(operand: Value | undefined): readonly string[] {
  const value = given(operand)
  if (value === null) return []
  if (!isArray(value)) throw typeError(2, operand, 'array', 'null')
  const runes = runesOperand(value, 2)
  return runes.length === 0 ? ['.'] : runes
}

export const glob: readonly Builtin[] = [
  builtin(
    'glob.match',
    [T.string, T.union(T.null, T.array(T.string)), T.string],
    T.boolean,
    (context, pattern, delimiters, text) => {
      const written = stringOperand(pattern, 1)
      const separators = delimitersOperand(delimiters)
      const matched = stringOperand(text, 3)
      context.charge(matched.length >> 4)
      return compileGlob(written, separators).test(matched)
    },
  ),
  builtin('glob.quote_meta', [T.string], T.string, (_, pattern) =>
    stringOperand(pattern, 1).replace(/[*?\\[\]{}]/g, '\\$&'),
  ),
]
