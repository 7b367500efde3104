/** Why the embedded database cannot serve; `code` is stable, the message says what to do. */
export type EmbeddedErrorCode =
  | 'data_directory_in_use'
  | 'data_directory_unusable'
  | 'database_create_failed'
  | 'database_start_failed'
  | 'database_stop_failed'
  | 'disk_full'
  | 'unsupported_platform'

/** Failure of the embedded PostgreSQL server. */
export class EmbeddedError extends Error {
  override readonly name = 'EmbeddedError'

  constructor(
    readonly code: EmbeddedErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** The `code` of a failed system call, such as `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** Turns what PostgreSQL's own programs print when they fail into our error. */
export function programFailure(
  code: 'database_create_failed' | 'database_start_failed',
  what: string,
  output: string,
): EmbeddedError {
  const said = output.trim().split('\n').slice(-12).join('\n')
  if (/no space left on device|disk quota exceeded/i.test(said)) {
    return new EmbeddedError('disk_full', `${what}: the disk is full. Free some space and start again.\n${said}`)
  }
  return new EmbeddedError(code, `${what}.\n${said}`)
}
