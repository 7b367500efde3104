import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Binaries } from './binaries.js'
import { EmbeddedError, programFailure, systemCode } from './embedded-error.js'
import { chownAll, namedUser, type RunAs } from './run-as.js'

/** The database administrator. Clients are let in by the socket's directory, not by a password. */
export const SUPERUSER = 'postgres'

/** PostgreSQL's environment: nothing of the service's own, where secrets may be. */
export const PROGRAM_ENVIRONMENT: Readonly<Record<string, string>> = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }

const MAJOR_VERSION = '18'
const UNFINISHED = '.new-'

/**
 * A data directory as an argument for PostgreSQL's programs, which are started *in* it: to another user they are given as
 * "where you are", because that user may not pass through the directories above.
 */
export function directoryArgument(cluster: string, runAs: RunAs | undefined): string {
  return runAs !== undefined && process.platform === 'linux' ? '/proc/self/cwd' : cluster
}

/**
 * Makes the cluster unless it is there. It appears under its name complete and flushed to the disk, or not at all.
 *
 * @throws EmbeddedError `database_create_failed`, `disk_full`, `unsupported_platform`, or `data_directory_unusable` for a
 *   cluster of another major version.
 */
export async function ensureCluster(options: {
  readonly cluster: string
  readonly binaries: Binaries
  readonly runAs: RunAs | undefined
  readonly signal?: AbortSignal | undefined
  readonly onIdle?: (() => void) | undefined
}): Promise<'found' | 'created'> {
  const { cluster, binaries, runAs, signal, onIdle } = options
  await removeUnfinished(cluster)
  if (await isThere(cluster)) {
    await checkVersion(cluster)
    if (runAs !== undefined && (await stat(cluster)).uid !== runAs.uid) await chownAll(cluster, runAs)
    await chmod(cluster, 0o700)
    return 'found'
  }
  const fresh = `${cluster}${UNFINISHED}${randomBytes(4).toString('hex')}`
  await mkdir(fresh, { mode: 0o700 })
  const initial = runAs === undefined ? undefined : await namedUser()
  if (initial !== undefined) await chownAll(fresh, initial)
  const initdb = (args: readonly string[], user: RunAs | undefined) =>
    run(binaries.initdb, [`--pgdata=${directoryArgument(fresh, runAs)}`, ...args], fresh, user, signal)
  const creating = initdb(
    [
      `--username=${SUPERUSER}`,
      '--auth-local=trust',
      '--auth-host=reject',
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-sync',
      '--no-instructions',
    ],
    initial,
  )
  onIdle?.()
  await creating
  if (runAs !== undefined) await chownAll(fresh, runAs)
  await initdb(['--sync-only'], runAs)
  await rename(fresh, cluster)
  await syncDirectory(dirname(cluster))
  return 'created'
}

async function isThere(cluster: string): Promise<boolean> {
  return stat(cluster).then(
    () => true,
    (error: unknown) => {
      if (systemCode(error) === 'ENOENT') return false
      throw error
    },
  )
}

async function removeUnfinished(cluster: string): Promise<void> {
  const parent = dirname(cluster)
  for (const name of await readdir(parent)) {
    const path = join(parent, name)
    if (path.startsWith(`${cluster}${UNFINISHED}`)) await rm(path, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function checkVersion(cluster: string): Promise<void> {
  const version = (await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch(() => 'no version at all')).trim()
  if (version === MAJOR_VERSION) return
  throw new EmbeddedError(
    'data_directory_unusable',
    `${cluster} is of PostgreSQL ${version}, and the embedded server is ${MAJOR_VERSION}. ` +
      'Move the data with pg_dump and pg_restore, or set COUNTERSIGN_DATA to another directory.',
  )
}

async function run(
  program: string,
  args: readonly string[],
  cwd: string,
  user: RunAs | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await promisify(execFile)(program, args, { cwd, env: PROGRAM_ENVIRONMENT, ...user, ...(signal && { signal }) })
  } catch (error) {
    signal?.throwIfAborted()
    if (systemCode(error) !== undefined) throw cannotExecute(program, error)
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
    throw programFailure('database_create_failed', 'The database could not be created', explain(output))
  }
}

/** Why a program that is there does not even start. */
export function cannotExecute(program: string, cause: unknown): EmbeddedError {
  switch (systemCode(cause)) {
    case 'ENOENT':
      return new EmbeddedError(
        'unsupported_platform',
        'The embedded PostgreSQL needs the GNU C library, and this system (Alpine?) has another. ' +
          'Use a Debian-based image, or set DATABASE_URL to a PostgreSQL server of your own.',
        { cause },
      )
    case 'EPERM':
      return new EmbeddedError(
        'database_start_failed',
        'PostgreSQL does not run as root, and this root may not switch users. ' +
          'Start the service as an ordinary user, or set DATABASE_URL.',
        { cause },
      )
    default:
      return new EmbeddedError('database_start_failed', `Cannot execute ${program}: ${String(cause)}`, { cause })
  }
}

function explain(output: string): string {
  if (!/could not look up effective user ID/.test(output)) return output
  return `${output.trim()}\nCreating a database needs a user with a name: add user ${process.getuid?.()} to /etc/passwd, or set DATABASE_URL.`
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  await handle.sync().finally(() => handle.close())
}
