import { chmod, chown, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { EmbeddedError } from './embedded-error.js'
import { isReachable, type RunAs } from './run-as.js'

/**
 * A directory with a short path, made for one run of the service, since a Unix socket's path has at most some 100 bytes.
 */
export interface RuntimeDirectory {
  readonly path: string
  /** For PostgreSQL's socket; nobody else can enter, and that is what keeps strangers from the database. */
  readonly socketDirectory: string
  /** A short way into the data directory. */
  readonly dataDirectory: string
  /** For a copy of PostgreSQL's programs, if one is needed. Does not exist yet. */
  readonly programs: string
}

const PREFIX = 'countersign-'
const LONGEST_BASE = 60

/** @throws EmbeddedError `data_directory_unusable` when no temporary directory will do. */
export async function makeRuntimeDirectory(dataDir: string, runAs: RunAs | undefined): Promise<RuntimeDirectory> {
  const path = await makeShortDirectory(runAs)
  // PostgreSQL's user passes through to its socket and its programs.
  if (runAs !== undefined) await chmod(path, 0o711)
  const socketDirectory = join(path, 's')
  await mkdir(socketDirectory, { mode: 0o700 })
  if (runAs !== undefined) await chown(socketDirectory, runAs.uid, runAs.gid)
  const dataDirectory = join(path, 'd')
  await symlink(dataDir, dataDirectory)
  return { path, socketDirectory, dataDirectory, programs: join(path, 'pg') }
}

async function makeShortDirectory(runAs: RunAs | undefined): Promise<string> {
  let problem = ''
  for (const base of [tmpdir(), '/tmp', '/var/tmp', '/run']) {
    try {
      if (base.length > LONGEST_BASE) throw new Error(`the path ${base} is too long for a socket`)
      if (runAs !== undefined && !(await isReachable(base, runAs))) throw new Error(`${base} is closed to other users`)
      return await mkdtemp(join(base, PREFIX))
    } catch (error) {
      problem ||= error instanceof Error ? error.message : String(error)
    }
  }
  throw new EmbeddedError(
    'data_directory_unusable',
    `No temporary directory for the database's socket: ${problem}. Set TMPDIR to one with a short path.`,
  )
}

/** Notes in the data directory where the runtime directory is, and removes the one that a crash left behind. */
export async function replaceRuntimeDirectory(dataDir: string, current: RuntimeDirectory): Promise<void> {
  const note = join(dataDir, 'runtime-directory')
  const previous = await readFile(note, 'utf8').catch(() => '')
  if (basename(previous).startsWith(PREFIX)) await rm(previous, { recursive: true, force: true }).catch(() => {})
  await writeFile(note, current.path, { mode: 0o600 })
}
