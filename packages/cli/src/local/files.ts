import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { CliError, EXIT } from '../cli-error.js'
import type { Io } from '../io.js'

/** The running service of a data directory, written by `serve`. */
export interface ServiceFile {
  readonly url: string
  readonly pid: number
}

/** An approver's credential for the service of a data directory; a secret. */
export interface ApproverFile {
  readonly zone_id: string
  readonly token: string
}

/** What the demo made, so that it finds it again; holds the demo application's secret. */
export interface DemoFile {
  readonly zone_id: string
  readonly application_id: string
  readonly client_secret: string
  /** An approver that belongs to the agent's own owner, to show that it is refused. */
  readonly owner_token: string
}

interface Files {
  readonly 'service.json': ServiceFile
  readonly 'approver.json': ApproverFile
  readonly 'demo.json': DemoFile
}

const MEMBERS: { readonly [name in keyof Files]: readonly (keyof Files[name])[] } = {
  'service.json': ['url', 'pid'],
  'approver.json': ['zone_id', 'token'],
  'demo.json': ['zone_id', 'application_id', 'client_secret', 'owner_token'],
}

/** The data directory: `--data`, `COUNTERSIGN_DATA`, or `.countersign` here. */
export function dataDirectory(io: Io, option: string | undefined): string {
  return resolve(io.cwd, option ?? (io.env.COUNTERSIGN_DATA || '.countersign'))
}

/**
 * Makes the data directory, for its owner alone, and those above it; one that is there stays as it is.
 *
 * Node's own `recursive` tries for ever, and cannot be interrupted, where the directory above is there and yet the
 * system says that nothing is, as in `/proc`.
 *
 * @throws CliError when it cannot be made
 */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await make(path)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new CliError(
      `Cannot make the data directory ${path}: ${why}. Choose another with COUNTERSIGN_DATA.`,
      EXIT.usage,
    )
  }
}

async function make(path: string, once = false): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || once) throw error
    await make(dirname(path))
    await make(path, true)
  }
}

/** Undefined when there is none. @throws CliError when others can read it or it makes no sense. */
export async function readLocal<Name extends keyof Files>(
  dataDir: string,
  name: Name,
): Promise<Files[Name] | undefined> {
  const content = await readPrivate(join(dataDir, name))
  if (content === undefined) return undefined
  const value: unknown = parse(content)
  const has = (member: PropertyKey) => typeof value === 'object' && value !== null && member in value
  if (MEMBERS[name].every(has)) return value as Files[Name]
  throw new CliError(`${join(dataDir, name)} is damaged. Remove it, then try again.`, EXIT.usage)
}

/** Replaces the file at once, readable by its owner alone. */
export async function writeLocal<Name extends keyof Files>(
  dataDir: string,
  name: Name,
  value: Files[Name],
): Promise<void> {
  await makeDirectory(dataDir)
  const path = join(dataDir, name)
  const fresh = `${path}.${process.pid}.new`
  await writeFile(fresh, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600, flag: 'w' })
  await rename(fresh, path)
}

export async function removeLocal(dataDir: string, name: keyof Files): Promise<void> {
  await rm(join(dataDir, name), { force: true })
}

/** Reads a file that holds a secret. Undefined when there is none. */
export async function readPrivate(path: string): Promise<string | undefined> {
  try {
    const content = (await readFile(path, 'utf8')).trim()
    if (((await stat(path)).mode & 0o077) !== 0) {
      throw new CliError(`Others can read ${path}, which holds a secret. Fix it with: chmod 600 ${path}`, EXIT.usage)
    }
    return content
  } catch (error) {
    if (error instanceof CliError) throw error
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new CliError(`Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`, EXIT.usage)
  }
}

function parse(content: string): unknown {
  try {
    return JSON.parse(content)
  } catch {
    return undefined
  }
}
