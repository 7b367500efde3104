import { mkdir, realpath, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import pg from 'pg'
import { prepareBinaries } from './binaries.js'
import { ensureCluster, SUPERUSER } from './create-cluster.js'
import { lockDirectory } from './directory-lock.js'
import { EmbeddedError, systemCode } from './embedded-error.js'
import { PORT } from './postmaster.js'
import { chooseRunAs } from './run-as.js'
import { makeRuntimeDirectory, replaceRuntimeDirectory } from './runtime-directory.js'
import { SETTINGS } from './settings.js'
import { superviseServer } from './supervise.js'

/** How to reach the embedded server: `host` is the directory of its Unix socket. */
export interface EmbeddedConnection {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
}

/** A running embedded server. */
export interface Embedded {
  readonly connection: EmbeddedConnection
  /** Stops the server and gives the data directory back. Close the service's connections first. */
  stop(): Promise<void>
}

const NAME = 'countersign'

/**
 * Starts the PostgreSQL that comes with the package, with its data in `<dataDir>/postgres`, and keeps it running until
 * `stop`. Whatever ended the last run, by whatever means, this needs no repair first.
 *
 * The service's database and its owner, both `countersign`, are there when it resolves. Whoever can enter the socket's
 * directory (this user, and PostgreSQL's own) is let in.
 *
 * @param options.log Gets what the server has to say, a line at a time.
 * @param options.signal Gives up a start that is still under way.
 * @param options.onIdle Told, at least once, when only PostgreSQL's programs have something to do: time for other work.
 * @param options.settings PostgreSQL settings over {@link SETTINGS}, for tests.
 * @throws EmbeddedError
 *
 * @example
 * const embedded = await startEmbedded({ dataDir: '.countersign', log: console.error })
 * const pool = new Pool(embedded.connection)
 */
export async function startEmbedded(options: {
  readonly dataDir: string
  readonly log: (line: string) => void
  readonly signal?: AbortSignal | undefined
  readonly onIdle?: () => void
  readonly settings?: Readonly<Record<string, string>>
}): Promise<Embedded> {
  const { log, signal, onIdle } = options
  const undo: (() => Promise<void>)[] = []
  const undoAll = async () => {
    for (const step of undo.reverse()) await step()
  }
  try {
    const dataDir = await makeDataDirectory(options.dataDir)
    const cluster = join(dataDir, 'postgres')
    const runAs = await chooseRunAs(cluster)
    const runtime = await makeRuntimeDirectory(dataDir, runAs)
    undo.push(() => rm(runtime.path, { recursive: true, force: true }))
    const lock = await lockDirectory(join(runtime.dataDirectory, 'lock'))
    undo.push(() => lock.release())
    await replaceRuntimeDirectory(dataDir, runtime)
    const binaries = await prepareBinaries(runAs, runtime.programs)
    signal?.throwIfAborted()
    if ((await ensureCluster({ cluster, binaries, runAs, signal, onIdle })) === 'created')
      log(`created the database in ${cluster}`)
    const { socketDirectory } = runtime
    const settings = { ...SETTINGS, ...options.settings }
    const server = await superviseServer({
      postgres: binaries.postgres,
      cluster,
      socketDirectory,
      runtimeDirectory: runtime.path,
      runAs,
      settings,
      log,
      signal,
      onIdle,
    })
    undo.push(() => server.stop())
    await ensureDatabase(socketDirectory)
    let stopping: Promise<void> | undefined
    return {
      connection: { host: socketDirectory, port: PORT, user: NAME, database: NAME },
      stop: () => {
        stopping ??= undoAll()
        return stopping
      },
    }
  } catch (error) {
    await undoAll()
    throw explain(error, options.dataDir)
  }
}

function explain(error: unknown, dataDir: string): unknown {
  const what = error instanceof Error ? error.message : String(error)
  switch (systemCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new EmbeddedError('disk_full', `The disk is full: ${what}. Free some space and start again.`, {
        cause: error,
      })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new EmbeddedError(
        'data_directory_unusable',
        `The data directory ${dataDir} cannot be used by this user: ${what}. ` +
          'Choose another with COUNTERSIGN_DATA, or set DATABASE_URL.',
        { cause: error },
      )
    default:
      return error
  }
}

async function makeDataDirectory(path: string): Promise<string> {
  try {
    await mkdir(resolve(path), { recursive: true, mode: 0o700 })
    return await realpath(path)
  } catch (cause) {
    throw new EmbeddedError('data_directory_unusable', `Cannot use the data directory ${path}: ${String(cause)}`, {
      cause,
    })
  }
}

/** The service is an ordinary user of the server: it owns its database, and nothing else. */
async function ensureDatabase(host: string): Promise<void> {
  const client = new pg.Client({ host, port: PORT, user: SUPERUSER, database: 'postgres' })
  client.on('error', () => {})
  await client.connect()
  try {
    const roles = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [NAME])
    if (roles.rowCount === 0) await client.query(`CREATE ROLE ${NAME} LOGIN`)
    const databases = await client.query('SELECT FROM pg_database WHERE datname = $1', [NAME])
    if (databases.rowCount === 0) await client.query(`CREATE DATABASE ${NAME} OWNER ${NAME}`)
  } finally {
    await client.end()
  }
}
