import type { Json } from '@countersign/rego'

/** JSON text with two spaces of indentation; numbers beyond a double stay exact, which `JSON.stringify` cannot do. */
export function prettyJson(value: Json, indent = ''): string {
  const inner = `${indent}  `
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]'
    return `[\n${value.map((element) => inner + prettyJson(element, inner)).join(',\n')}\n${indent}]`
  }
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  // A decimal beyond a double is the only other object.
  if (
    'coefficient' in value &&
    typeof value.coefficient === 'bigint' &&
    Object.getPrototypeOf(value) !== Object.prototype
  ) {
    return String(value)
  }
  const members = Object.entries(value as { [key: string]: Json })
  if (members.length === 0) return '{}'
  const lines = members.map(([key, member]) => `${inner}${JSON.stringify(key)}: ${prettyJson(member, inner)}`)
  return `{\n${lines.join(',\n')}\n${indent}}`
}
