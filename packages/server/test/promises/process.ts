import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestDatabase } from '../support/postgres.js'
import { processes } from '../support/processes.js'

const COMMAND = resolve(import.meta.dirname, '../../../cli/bin/countersign.js')
const START_MS = 60_000

/** Where a service keeps what outlives it, and how it is known. */
export interface Home {
  readonly dataDir: string
  readonly port: number
  readonly adminToken: string
  readonly env: NodeJS.ProcessEnv
}

/** `countersign serve`, as a process of its own. */
export interface ServiceProcess {
  readonly url: string
  readonly adminToken: string
  /** How long it took to be ready, in milliseconds. */
  readonly startedInMs: number
  /** SIGKILL to the service and nothing else. */
  kill(): Promise<void>
  /** SIGTERM, and its exit status. */
  stop(): Promise<number | null>
}

/** A home for a service: on a database, or with its own in its data directory. */
export async function makeHome(database?: TestDatabase, beside?: Home): Promise<Home> {
  const dataDir = await mkdtemp(join(tmpdir(), 'countersign-promise-'))
  const port = await freePort()
  const adminToken = beside?.adminToken ?? randomBytes(32).toString('base64url')
  const inherited = Object.entries(process.env).filter(([name]) => !/^(COUNTERSIGN_|DATABASE_URL|REDIS_URL)/.test(name))
  const env = {
    ...Object.fromEntries(inherited),
    COUNTERSIGN_DATA: dataDir,
    COUNTERSIGN_PORT: String(port),
    COUNTERSIGN_BASE_URL: beside?.env.COUNTERSIGN_BASE_URL ?? `http://127.0.0.1:${port}`,
    COUNTERSIGN_ADMIN_TOKEN: adminToken,
    ...(database === undefined
      ? {}
      : {
          DATABASE_URL: database.url,
          COUNTERSIGN_KEK: beside?.env.COUNTERSIGN_KEK ?? randomBytes(32).toString('base64'),
        }),
  }
  return { dataDir, port, adminToken, env }
}

/** Starts the service of a home, and resolves when it serves. */
export async function startProcess(home: Home): Promise<ServiceProcess> {
  const begun = performance.now()
  const child = spawn(process.execPath, [COMMAND, 'serve'], { env: home.env, stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise<number | null>((done) => child.once('exit', done))
  await serving(child)
  const end = (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal)
    return ended
  }
  return {
    url: `http://127.0.0.1:${home.port}`,
    adminToken: home.adminToken,
    startedInMs: performance.now() - begun,
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
  }
}

async function serving(child: ChildProcess): Promise<void> {
  let said = ''
  await new Promise<void>((ready, fail) => {
    const timer = setTimeout(() => fail(new Error(`the service does not start: ${said}`)), START_MS)
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      if (!said.includes('Countersign serves')) return
      clearTimeout(timer)
      ready()
    })
    child.once('exit', (status) => {
      clearTimeout(timer)
      fail(new Error(`the service ended with ${status}: ${said}`))
    })
  })
}

/** The processes of the embedded database in a home, the server first. Each carries the cluster's name in its command. */
export async function databaseProcesses(home: Home): Promise<number[]> {
  const cluster = await stat(join(home.dataDir, 'postgres')).catch(() => undefined)
  if (cluster === undefined) return []
  const mark = `countersign-${cluster.dev}-${cluster.ino}`
  const named = processes().filter(({ command }) => command.includes(mark))
  const isServer = ({ command }: { command: string }): boolean => command.includes(`cluster_name=${mark}`)
  return [...named.filter(isServer), ...named.filter((process) => !isServer(process))].map(({ pid }) => pid)
}

/** Ends processes as a crash would; whichever have gone already are gone. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** How to reach the embedded database of a home while it runs. */
export async function databaseUrl(home: Home): Promise<string> {
  const lines = (await readFile(join(home.dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')
  return `postgresql://countersign@localhost:${lines[3]}/countersign?host=${encodeURIComponent(lines[4] ?? '')}`
}

/** Takes a home away, with whatever still runs in it. */
export async function removeHome(home: Home): Promise<void> {
  killAll(await databaseProcesses(home))
  await rm(home.dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer()
    server.once('error', fail)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
