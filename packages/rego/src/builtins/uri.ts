/** `uri.parse` and `uri.is_valid`. */
import { type Builtin, BuiltinError, builtin, stringOperand, T } from '../builtins-api.js'
import { RegoObject } from '../value.js'
import { parseUrl } from './go/url-parse.js'

export function isUri(text: string): boolean {
  try {
    parseUrl(text)
    return true
  } catch (error) {
    if (error instanceof BuiltinError) return false
    throw error
  }
}

export const uri: readonly Builtin[] = [
  builtin('uri.parse', [T.string], T.object(T.string, T.string), (_, text) => {
    const { scheme, hostname, port, path, rawPath, rawQuery, fragment } = parseUrl(stringOperand(text, 1))
    const parts = { scheme, hostname, port, path, raw_path: rawPath || path, raw_query: rawQuery, fragment }
    return RegoObject.from(Object.entries(parts).filter(([, part]) => part !== ''))
  }),
  builtin('uri.is_valid', [T.string], T.boolean, (_, text) => typeof text === 'string' && text !== '' && isUri(text)),
]
