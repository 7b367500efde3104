/**
 * Replacement templates: `$1`, `$name`, `${name}`, and `$$` for a dollar. A name reaches as far as letters, digits and underscores do, so
 * `$1x` is the group named `1x`. Groups that don't exist are empty.
 *
 * @see https://pkg.go.dev/regexp#Regexp.Expand
 */
import type { Match, Pattern } from './pattern.js'

const REFERENCE = /\$(?:\$|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/gu

export function expandTemplate(template: string, match: Match, pattern: Pattern): string {
  if (!template.includes('$')) return template
  return template.replace(REFERENCE, (all, bare: string | undefined, braced: string | undefined) => {
    const name = bare ?? braced
    if (name === undefined) return all === '$$' ? '$' : all
    if (/^(?:0|[1-9]\d{0,8})$/.test(name)) return match.groups[Number(name)] ?? ''
    const names = pattern.namedGroups()
    const index = Object.hasOwn(names, name) ? names[name] : undefined
    return index === undefined ? '' : (match.groups[index] ?? '')
  })
}
