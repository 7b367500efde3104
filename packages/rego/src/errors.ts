/** Where something stands in a source text. Lines and columns start at 1; columns count UTF-16 units. */
export interface Location {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** One thing that is wrong. Codes and, where OPA has the same error, messages are OPA's. */
export interface Diagnostic extends Location {
  readonly code: RegoErrorCode
  readonly message: string
}

export type RegoErrorCode =
  | 'rego_parse_error'
  | 'rego_compile_error'
  | 'rego_type_error'
  | 'rego_unsafe_var_error'
  | 'rego_recursion_error'
  | 'eval_conflict_error'
  | 'eval_builtin_error'
  | 'eval_type_error'
  | 'eval_with_merge_error'
  /** A limit on steps or on result size was reached. */
  | 'eval_limit_error'
  /** The input or data is no JSON, or a query is not what the method takes. */
  | 'eval_input_error'
  /** A defect of this engine. */
  | 'eval_internal_error'

/**
 * The one error that this package throws. `code`, `message` and place are those of the first error; `errors` has every one
 * that was found. The message is in OPA's form, `file:line: code: what is wrong`; what is wrong alone is `errors[0].message`.
 *
 * @see https://www.openpolicyagent.org/docs/latest/errors/
 * @example
 * try {
 *   compile([{ path: 'a.rego', source: 'package a\nallow if x' }])
 * } catch (error) {
 *   if (error instanceof RegoError) console.error(`${error.file}:${error.line}:${error.column}: ${error.message}`)
 * }
 */
export class RegoError extends Error {
  override readonly name = 'RegoError'
  readonly code: RegoErrorCode
  readonly file: string
  readonly line: number
  readonly column: number
  readonly errors: readonly Diagnostic[]

  constructor(errors: readonly [Diagnostic, ...Diagnostic[]]) {
    super(errorText(errors[0]))
    this.code = errors[0].code
    this.file = errors[0].file
    this.line = errors[0].line
    this.column = errors[0].column
    this.errors = errors
  }

  static at(code: RegoErrorCode, message: string, location: Location): RegoError {
    return new RegoError([diagnostic(code, message, location)])
  }
}

function errorText({ file, line, code, message }: Diagnostic): string {
  return file === '' ? `${code}: ${message}` : `${file}:${line}: ${code}: ${message}`
}

export function diagnostic(code: RegoErrorCode, message: string, { file, line, column }: Location): Diagnostic {
  return { code, message, file, line, column }
}

/** The place of errors that have none in a source text. */
export const NOWHERE: Location = { file: '', line: 1, column: 1 }
