import { type Io, makeStyle } from '../../src/io.js'
import { runProgram } from '../../src/program.js'

/** A terminal without a person: what was printed is kept, Enter and Ctrl-C are the test's. */
export class Terminal {
  readonly lines: string[] = []
  readonly errors: string[] = []
  readonly #ending = new AbortController()
  #entered: (() => void) | undefined

  constructor(
    private readonly env: NodeJS.ProcessEnv = {},
    private readonly cwd = '/',
  ) {}

  get io(): Io {
    return {
      env: this.env,
      cwd: this.cwd,
      interactive: true,
      style: makeStyle(false),
      errStyle: makeStyle(false),
      out: (line) => void this.lines.push(line),
      err: (line) => void this.errors.push(line),
      enter: () =>
        new Promise((resolve) => {
          this.#entered = () => resolve(true)
          this.#ending.signal.addEventListener('abort', () => resolve(false))
        }),
      signal: this.#ending.signal,
    }
  }

  get text(): string {
    return this.lines.join('\n')
  }

  get errorText(): string {
    return this.errors.join('\n')
  }

  run(...argv: string[]): Promise<number> {
    return runProgram(argv, this.io, '1.2.3')
  }

  enter(): void {
    this.#entered?.()
  }

  interrupt(): void {
    this.#ending.abort()
  }
}
