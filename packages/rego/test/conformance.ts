import { Decimal, RegoError } from '../src/index.js'
import { compile, termValue } from '../src/policy.js'

/** A case as the suite's README describes it. */
export interface ConformanceCase {
  readonly note: string
  readonly modules: readonly string[]
  readonly query: string
  readonly data?: unknown
  readonly input?: unknown
  readonly input_term?: string
  readonly want_result?: readonly Readonly<Record<string, unknown>>[]
  readonly want_error_code?: string
  readonly want_error?: string
  readonly strict_error?: boolean
}

/** Runs a case; what is wrong, or undefined when it passes. */
export function runCase(one: ConformanceCase): string | undefined {
  const wantsError = one.want_error_code !== undefined || one.want_error !== undefined
  let found: unknown
  try {
    const modules = one.modules.map((source, at) => ({ path: `test-${at}.rego`, source }))
    const policy = compile(modules, { data: one.data ?? {}, strictBuiltinErrors: one.strict_error ?? false })
    found = policy.query(one.query, one.input_term === undefined ? one.input : termValue(one.input_term))
  } catch (error) {
    if (!(error instanceof RegoError)) return `threw ${String(error)}`
    if (!wantsError) return one.want_result ? error.message : undefined
    if (one.want_error_code !== undefined && error.code !== one.want_error_code) return `error ${error.message}`
    return error.message.includes(one.want_error ?? '') ? undefined : `error ${error.message}`
  }
  if (wantsError) return `no error, but ${text(found)}`
  if (!one.want_result) return undefined
  // Solutions come in no promised order.
  const [got, want] = [sorted(found as unknown[]), sorted([...one.want_result])]
  return got === want ? undefined : `found ${got}, not ${want}`
}

function sorted(solutions: readonly unknown[]): string {
  return solutions.map(text).sort().join('\n')
}

/** JSON with sorted keys and numbers by value. */
export function text(value: unknown): string {
  if (typeof value === 'bigint') return String(Number(value))
  if (value instanceof Decimal) return String(Number(value.toString()))
  if (Array.isArray(value)) return `[${value.map(text).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}:${text(member)}`)
  return `{${members.sort().join()}}`
}
