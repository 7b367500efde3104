import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { cannotExecute, directoryArgument, PROGRAM_ENVIRONMENT } from './create-cluster.js'
import { EmbeddedError, programFailure } from './embedded-error.js'
import type { RunAs } from './run-as.js'
import { clusterName, stopSurvivor } from './survivor.js'

/** In a directory of its own, so no other server has this port. */
export const PORT = 5432

/** A server and where it runs. */
export interface PostmasterOptions {
  readonly postgres: string
  readonly cluster: string
  readonly socketDirectory: string
  /** What is cleared away if this process dies. */
  readonly runtimeDirectory: string
  readonly runAs: RunAs | undefined
  readonly settings: Readonly<Record<string, string>>
  readonly log: (line: string) => void
  readonly signal?: AbortSignal | undefined
  readonly onIdle?: (() => void) | undefined
}

/** A PostgreSQL server that accepts connections. */
export interface Postmaster {
  readonly pid: number
  /** Settles when the process has ended, whatever ended it; says how. */
  readonly ended: Promise<string>
  /** Fast shutdown: transactions in flight are rolled back. Resolves when the process is gone. */
  stop(): Promise<void>
}

/**
 * Starts the server and waits until it accepts connections, as long as a crash recovery may take.
 *
 * @throws EmbeddedError `database_start_failed`, `disk_full`, `unsupported_platform`
 */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  for (let attempt = 1; ; attempt += 1) {
    const stalePid = await stopSurvivor(options.cluster, options.log)
    const server = await spawnServer(options, stalePid)
    options.onIdle?.()
    const watchdog = spawnWatchdog(server, options.runtimeDirectory)
    void server.ended.then(() => watchdog.kill('SIGKILL'))
    const postmaster: Postmaster = { pid: server.pid, ended: server.ended, stop: () => stop(server) }
    const outcome = await Promise.race([isReady(options, server), server.ended.then(() => 'ended' as const)]).catch(
      async (error: unknown) => {
        await postmaster.stop()
        throw error
      },
    )
    if (outcome === 'ready') return postmaster
    // The backends of a server that was killed need a moment to notice; so does a server that was about to start.
    if (attempt === 10 || !/already exists|still in use/.test(server.tail())) {
      throw programFailure('database_start_failed', 'The database server did not start', server.tail())
    }
    await sleep(100 * attempt)
  }
}

interface Server {
  readonly child: ChildProcess
  readonly pid: number
  readonly ended: Promise<string>
  hasEnded(): boolean
  /** The last lines that it logged. */
  tail(): string
}

async function spawnServer(options: PostmasterOptions, stalePid: number | undefined): Promise<Server> {
  const { postgres, cluster, socketDirectory, runAs, log } = options
  const settings = {
    ...options.settings,
    unix_socket_directories: socketDirectory,
    port: String(PORT),
    cluster_name: await clusterName(cluster),
  }
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  // A process that is not the old server may have its number now. PostgreSQL takes numbers of its forebears for stale.
  const forebear = stalePid === undefined ? {} : { PG_GRANDPARENT_PID: String(stalePid) }
  const child = spawn(postgres, ['-D', directoryArgument(cluster, runAs), ...args], {
    cwd: cluster,
    env: { ...PROGRAM_ENVIRONMENT, ...forebear },
    stdio: ['ignore', 'ignore', 'pipe'],
    // A session of its own: Ctrl-C in a terminal is for the service, which stops its database last.
    detached: true,
    ...runAs,
  })
  const ended = new Promise<string>((resolve) => {
    child.once('close', (code, signal) => resolve(signal === null ? `exit code ${code}` : signal))
  })
  const lines: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line)
    if (lines.length > 20) lines.shift()
    log(line)
  })
  await once(child, 'spawn').catch((error: unknown) => {
    throw cannotExecute(postgres, error)
  })
  child.unref()
  unref(child.stderr)
  const { pid } = child
  if (pid === undefined) throw new EmbeddedError('database_start_failed', `${postgres} has no process id`)
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  return { child, pid, ended, hasEnded, tail: () => lines.join('\n') }
}

/**
 * Stops the server when this process ends without doing it, and clears its runtime directory away. Its input ends with us,
 * even by SIGKILL; it survives the signals that a terminal sends to all.
 */
function spawnWatchdog(server: Server, runtimeDirectory: string): ChildProcess {
  const script = `trap "" INT TERM HUP
    read -r line
    kill -INT "$0"
    for second in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$0" || break; sleep 1; done
    rm -rf "$1"`
  const watchdog = spawn('/bin/sh', ['-c', script, String(server.pid), runtimeDirectory], {
    cwd: '/',
    env: PROGRAM_ENVIRONMENT,
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  // Without a shell on the system the next start ends the survivor.
  watchdog.on('error', () => {})
  watchdog.unref()
  watchdog.stdin.on('error', () => {})
  unref(watchdog.stdin)
  return watchdog
}

/** A pipe of a child process is a socket underneath, and would keep this process alive. */
function unref(stream: object): void {
  if ('unref' in stream && typeof stream.unref === 'function') stream.unref()
}

/** The server says in its pid file when it has recovered and takes connections. */
async function isReady(options: PostmasterOptions, server: Server): Promise<'ready'> {
  const path = join(options.cluster, 'postmaster.pid')
  for (let waitedMs = 10; !server.hasEnded(); waitedMs += 10) {
    options.signal?.throwIfAborted()
    const lines = (await readFile(path, 'utf8').catch(() => '')).split('\n')
    if (lines[0] === String(server.pid) && lines[7]?.startsWith('ready')) return 'ready'
    if (waitedMs % 5000 === 0) options.log('waiting for the database to recover')
    await sleep(10)
  }
  return new Promise(() => {})
}

async function stop(server: Server): Promise<void> {
  const gone = server.ended.then(() => true)
  for (const [signal, patienceMs] of [
    ['SIGINT', 30_000],
    ['SIGQUIT', 10_000],
    ['SIGKILL', 5_000],
  ] as const) {
    server.child.kill(signal)
    const patience = new AbortController()
    const late = sleep(patienceMs, false, { signal: patience.signal }).catch(() => false)
    const ended = await Promise.race([gone, late])
    patience.abort()
    if (ended) return
  }
  throw new EmbeddedError('database_stop_failed', `The database server (process ${server.pid}) does not stop.`)
}
