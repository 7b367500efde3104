import { stripVTControlCharacters, styleText } from 'node:util'

/** Where a command reads and writes: the process's own, or a test's. */
export interface Io {
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  /** Whether a person is at the terminal: output may have colours, input may be asked for. */
  readonly interactive: boolean
  readonly style: Style
  /** For standard error, which may be a terminal where standard output is a file, and the other way round. */
  readonly errStyle: Style
  out(line: string): void
  err(line: string): void
  /** Waits for Enter; false when the command is ended first. */
  enter(): Promise<boolean>
  /** Ends with the command: Ctrl-C, SIGTERM. */
  readonly signal: AbortSignal
}

/** Emphasis that is only ever additional: without colours the text says the same. */
export interface Style {
  bold(text: string): string
  dim(text: string): string
  good(text: string): string
  bad(text: string): string
  wait(text: string): string
}

type Format = Parameters<typeof styleText>[0]

/** @see https://no-color.org */
export function makeStyle(colours: boolean): Style {
  const as = (format: Format) => (text: string) => (colours ? styleText(format, text) : text)
  return { bold: as('bold'), dim: as('dim'), good: as('green'), bad: as('red'), wait: as('yellow') }
}

/** Whether what is written there may have colours. */
export function hasColours(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  return stream.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb'
}

/** Text from outside, made safe to print: a name cannot move the cursor or pretend to be another line. */
export function plain(text: string): string {
  return stripVTControlCharacters(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�')
}

/** The process itself. The first Ctrl-C or SIGTERM ends the command in order; the second ends it at once. */
export function processIo(): Io {
  const { env, stdout, stderr, stdin } = process
  const ending = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (ending.signal.aborted) process.exit(130)
      ending.abort()
    })
  }
  // A reader that stopped reading, such as `head`, is no failure of ours.
  stdout.on('error', () => ending.abort())
  return {
    env,
    cwd: process.cwd(),
    interactive: stdout.isTTY === true && stdin.isTTY === true,
    style: makeStyle(hasColours(stdout, env)),
    errStyle: makeStyle(hasColours(stderr, env)),
    out: (line) => void stdout.write(`${line}\n`),
    err: (line) => void stderr.write(`${line}\n`),
    enter: () => enter(ending.signal),
    signal: ending.signal,
  }
}

function enter(signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const { stdin } = process
    const finish = (entered: boolean) => {
      stdin.off('data', onData)
      stdin.pause()
      resolve(entered)
    }
    const onData = () => finish(true)
    if (signal.aborted) return resolve(false)
    signal.addEventListener('abort', () => finish(false), { once: true })
    stdin.on('data', onData)
    stdin.resume()
  })
}
