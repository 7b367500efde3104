import { type Location, RegoError } from '../errors.js'
import { regoText } from '../text.js'
import type { RegoSet } from '../value.js'

/** What an expression of a template string, or an operand of `print`, found, as text. */
export function templateText(found: RegoSet, at: Location): string {
  if (found.size === 0) return '<undefined>'
  if (found.size > 1)
    throw RegoError.at('eval_conflict_error', 'template-strings must not produce multiple outputs', at)
  const [value] = found.sorted()
  if (value === undefined) return '<undefined>'
  return typeof value === 'string' ? value : regoText(value)
}
