/** What the command's exit status says. */
export const EXIT = {
  done: 0,
  /** The service refused, or a step did not hold. */
  failed: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
  /** No service answers. */
  unreachable: 3,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** An end that the user is told in a sentence, without a stack. */
export class CliError extends Error {
  override readonly name: string = 'CliError'

  constructor(
    message: string,
    readonly exitCode: ExitCode = EXIT.failed,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}
