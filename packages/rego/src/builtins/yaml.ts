/** `yaml.marshal`, `yaml.unmarshal`, `yaml.is_valid`. */
import { type Builtin, BuiltinError, builtin, stringOperand, T } from '../builtins-api.js'
import { given, textMeter } from './operands.js'
import { parseYaml } from './yaml/parse.js'
import { yamlText } from './yaml/write.js'

function isYaml(text: string): boolean {
  try {
    parseYaml(text)
    return true
  } catch (error) {
    if (error instanceof BuiltinError) return false
    throw error
  }
}

export const yaml: readonly Builtin[] = [
  builtin('yaml.marshal', [T.any], T.string, (context, value) => yamlText(given(value), textMeter(context))),
  builtin('yaml.unmarshal', [T.string], T.any, (_, text) => parseYaml(stringOperand(text, 1))),
  builtin('yaml.is_valid', [T.string], T.boolean, (_, text) => typeof text === 'string' && isYaml(text)),
]
