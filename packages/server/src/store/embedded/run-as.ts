import { chown, lchown, readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { EmbeddedError, systemCode } from './embedded-error.js'

/** The unprivileged user that PostgreSQL runs as, since it refuses root. */
export interface RunAs {
  readonly uid: number
  readonly gid: number
}

/**
 * Below 65536, so that it exists in a rootless container's id map, and outside the ranges that distributions hand out.
 * The user needs no name and no home: the kernel knows numbers.
 */
const FIRST_UID = 54_320

/**
 * Whom PostgreSQL is to run as: undefined means the service's own user; for root, the owner that the cluster already has,
 * or a number that no account of this machine uses.
 *
 * @throws EmbeddedError `data_directory_unusable` when the cluster belongs to somebody else.
 */
export async function chooseRunAs(cluster: string): Promise<RunAs | undefined> {
  const own = process.getuid?.()
  const owner = await stat(cluster).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined
    throw new EmbeddedError('data_directory_unusable', `Cannot look at ${cluster}: ${String(error)}`)
  })
  if (own !== 0) {
    if (owner !== undefined && own !== undefined && owner.uid !== own) {
      throw new EmbeddedError(
        'data_directory_unusable',
        `The database in ${cluster} belongs to user ${owner.uid}, and this is user ${own}. ` +
          `Run as user ${owner.uid} or root, or give it away: chown -R ${own} ${cluster}`,
      )
    }
    return undefined
  }
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  const taken = new Set((await accounts()).map((account) => account.uid))
  let uid = FIRST_UID
  while (taken.has(uid)) uid += 1
  return { uid, gid: uid }
}

/**
 * A user for `initdb`, which insists on an account with a name: one that runs next to nothing on any machine.
 *
 * @throws EmbeddedError `database_create_failed` when there is none.
 */
export async function namedUser(): Promise<RunAs> {
  const known = (await accounts()).filter((account) => account.uid !== 0)
  const chosen =
    ['games', 'bin', 'daemon', 'nobody'].flatMap((name) => known.filter((account) => account.name === name))[0] ??
    known[0]
  if (chosen === undefined) {
    throw new EmbeddedError(
      'database_create_failed',
      'PostgreSQL does not run as root, and /etc/passwd names no other user. ' +
        "Add one (for example the line 'nobody:x:65534:65534::/:/bin/false'), or set DATABASE_URL.",
    )
  }
  return { uid: chosen.uid, gid: chosen.gid }
}

/** Whether `user` can reach `path`: every directory above it lets strangers through. */
export async function isReachable(path: string, user: RunAs): Promise<boolean> {
  for (let at = path; ; at = dirname(at)) {
    const { mode, uid } = await stat(at)
    if ((mode & (uid === user.uid ? 0o100 : 0o001)) === 0) return false
    if (dirname(at) === at) return true
  }
}

/** Gives a directory and all in it to `user`: a thousand files of a new cluster in 20 ms, one after another in 100. */
export async function chownAll(path: string, user: RunAs): Promise<void> {
  await chown(path, user.uid, user.gid)
  const entries = await readdir(path, { withFileTypes: true })
  await Promise.all(
    entries.map(async (entry) => {
      const child = join(path, entry.name)
      if (entry.isDirectory()) await chownAll(child, user)
      // Never what a link leads to.
      else if (entry.isFile()) await lchown(child, user.uid, user.gid)
    }),
  )
}

async function accounts(): Promise<{ readonly name: string; readonly uid: number; readonly gid: number }[]> {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '')
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':')
    return name && uid && gid ? [{ name, uid: Number(uid), gid: Number(gid) }] : []
  })
}
