import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'

/** A program of the bench in a process of its own. */
export interface Child<T> {
  readonly pid: number
  /** What it said when it was ready. */
  readonly ready: T
  /** Asks it to end, and resolves when it has. */
  stop(): Promise<void>
}

export interface ChildOptions {
  readonly execArgv?: readonly string[]
  /** A file for what it writes to its standard output. */
  readonly output?: string
}

const LONGEST_START_MS = 60_000
const LONGEST_STOP_MS = 20_000

/**
 * Starts a program, hands it its settings and waits for its word that it is ready. It ends by itself when this process
 * does, however that comes about, because its channel closes.
 *
 * @throws Error when it ends instead, or takes longer than a minute
 */
export async function startChild<T>(file: URL, settings: object, options: ChildOptions = {}): Promise<Child<T>> {
  const { execArgv = [], output } = options
  const stdout = output === undefined ? 'ignore' : openSync(output, 'a')
  const child = fork(file, { stdio: ['ignore', stdout, 'inherit', 'ipc'], execArgv: [...execArgv] })
  if (stdout !== 'ignore') closeSync(stdout)
  child.send(settings)
  const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST_START_MS)
  try {
    const ready = await Promise.race([
      once(child, 'message').then(([message]) => message as T),
      once(child, 'exit').then(([code, signal]) => {
        throw new Error(`${file.pathname.split('/').at(-1)} ended with ${signal ?? code} instead of starting`)
      }),
    ])
    return { pid: child.pid ?? 0, ready, stop: () => stop(child) }
  } finally {
    clearTimeout(timer)
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  if (child.connected) child.disconnect()
  const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST_STOP_MS)
  await ended
  clearTimeout(timer)
}
