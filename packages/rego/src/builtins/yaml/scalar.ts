/**
 * What plain YAML scalars mean to Go's YAML library: the core schema of YAML 1.2 with the numbers of 1.1, dates left as text.
 *
 * @see https://pkg.go.dev/go.yaml.in/yaml/v3
 */
import { BuiltinError } from '../../builtins-api.js'
import { parseNumber, type RegoNumber } from '../../number.js'
import { integer } from '../operands.js'

const NULLS = new Set(['', '~', 'null', 'Null', 'NULL'])
const TRUE = new Set(['true', 'True', 'TRUE'])
const FALSE = new Set(['false', 'False', 'FALSE'])
const FLOAT = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/

export function plainScalar(text: string): null | boolean | RegoNumber | string {
  if (NULLS.has(text)) return null
  if (TRUE.has(text)) return true
  if (FALSE.has(text)) return false
  if (/^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$/.test(text)) {
    const value = /nan$/i.test(text) ? 'NaN' : text.startsWith('-') ? '-Inf' : '+Inf'
    throw new BuiltinError(`json: unsupported value: ${value}`)
  }
  if (!/^[-+.\d]/.test(text)) return text
  return integerScalar(text.replaceAll('_', '')) ?? floatScalar(text) ?? text
}

function integerScalar(text: string): RegoNumber | undefined {
  const match = /^([-+]?)(?:0x([\da-fA-F]+)|0o?([0-7]+)|0b([01]+)|(0|[1-9]\d*))$/.exec(text)
  if (match === null) return undefined
  const [, sign, hex, octal, binary, decimal] = match
  const magnitude = hex
    ? BigInt(`0x${hex}`)
    : octal
      ? BigInt(`0o${octal}`)
      : binary
        ? BigInt(`0b${binary}`)
        : BigInt(decimal ?? '0')
  const value = sign === '-' ? -magnitude : magnitude
  if (value > 0xffff_ffff_ffff_ffffn || value < -0x8000_0000_0000_0000n) return double(Number(value))
  return integer(value)
}

function floatScalar(text: string): RegoNumber | undefined {
  const bare = text.replaceAll('_', '')
  return FLOAT.test(bare) ? double(Number(bare)) : undefined
}

function double(value: number): RegoNumber | undefined {
  return Number.isFinite(value) ? parseNumber(String(value)) : undefined
}
