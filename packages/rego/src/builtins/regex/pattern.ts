/**
 * Patterns of RE2.
 *
 * @see https://github.com/google/re2/wiki/Syntax
 */
import { RE2JS, RE2JSException } from 're2js'
import { BuiltinError } from '../../builtins-api.js'

export type Pattern = RE2JS

export interface Match {
  readonly start: number
  readonly end: number
  /** The match and its groups; null for a group that took no part. */
  readonly groups: readonly (string | null)[]
}

const MAX_CACHED = 500
const cache = new Map<string, Pattern>()

/** @throws BuiltinError ``error parsing regexp: missing closing ): `(` `` */
export function compilePattern(source: string): Pattern {
  const known = cache.get(source)
  if (known !== undefined) return known
  const compiled = compile(source)
  if (cache.size >= MAX_CACHED) cache.delete(cache.keys().next().value as string)
  cache.set(source, compiled)
  return compiled
}

function compile(source: string): Pattern {
  try {
    return RE2JS.compile(source)
  } catch (error) {
    if (error instanceof RE2JSException) throw new BuiltinError(error.message)
    // Parentheses nested beyond the stack.
    if (error instanceof RangeError) throw new BuiltinError('error parsing regexp: expression nests too deeply')
    throw error
  }
}

export function isPattern(source: string): boolean {
  try {
    compilePattern(source)
    return true
  } catch (error) {
    if (error instanceof BuiltinError) return false
    throw error
  }
}

/**
 * Up to `limit` matches from left to right, all when it is negative. An empty match right after another match does not count.
 *
 * @param charge called for each match with the number of its groups
 * @see https://pkg.go.dev/regexp#Regexp.FindAllString
 */
export function findAll(
  pattern: Pattern,
  text: string,
  limit: number,
  charge: (steps: number) => void,
): readonly Match[] {
  const matches: Match[] = []
  const matcher = pattern.matcher(text)
  let previousEnd = -1
  while ((limit < 0 || matches.length < limit) && matcher.find()) {
    const start = matcher.start()
    const end = matcher.end()
    if (start !== end || start !== previousEnd) {
      // Finding a match takes about as long as ten steps of the evaluator.
      charge(10 + matcher.groupCount())
      const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, i) => matcher.group(i))
      matches.push({ start, end, groups })
    }
    previousEnd = end
  }
  return matches
}

export function quoteMeta(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&')
}
