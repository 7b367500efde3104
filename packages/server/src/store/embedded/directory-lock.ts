import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer, connect as openSocket, type Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EmbeddedError, systemCode } from './embedded-error.js'

/** A directory that is ours alone until released, or until this process ends, however it ends. */
export interface DirectoryLock {
  release(): Promise<void>
}

/**
 * Takes a directory for this process.
 *
 * Each process raises a flag in it, a listening Unix socket under a name of its own, and then looks at the others' flags:
 * of two that start together at least one sees the other, so they are never both in. Whether a flag's process lives is for
 * the kernel to say (a connection is accepted or refused), so a crash needs no repair, a recycled process id misleads
 * nobody, and it holds between containers that share the directory but no process ids.
 *
 * @param directory Made if missing. Its path must be short enough for a socket in it (some 60 bytes).
 * @param options.pid What to call this process in the message to another.
 * @param options.patienceMs How long to wait for a holder that is just ending: a process that was killed keeps its sockets
 *   for a moment.
 * @throws EmbeddedError `data_directory_in_use`, naming the process that holds it; `data_directory_unusable`.
 */
export async function lockDirectory(
  directory: string,
  options: { readonly pid?: number; readonly patienceMs?: number } = {},
): Promise<DirectoryLock> {
  const { pid = process.pid, patienceMs = 1_000 } = options
  await mkdir(directory, { recursive: true, mode: 0o700 })
  for (const startedAt = performance.now(); ; ) {
    const flag = await raiseFlag(directory, pid)
    if (flag === undefined) continue
    const others = await otherFlags(directory, flag.name)
    const living = others.filter((other) => other.alive)
    if (living[0] === undefined) {
      for (const dead of others) await rm(join(directory, dead.name), { force: true })
      await writeFile(join(directory, 'holder'), flag.name)
      return { release: () => flag.lower() }
    }
    await flag.lower()
    // Those who only look, like us, step back again.
    const holder = await readFile(join(directory, 'holder'), 'utf8').catch(() => '')
    const held = living.find((other) => other.name === holder)
    const waitedMs = performance.now() - startedAt
    if (waitedMs >= (held === undefined ? LONGEST_CONTENTION_MS : patienceMs)) {
      const owner = (held ?? living[0]).name.split('-')[0]
      throw new EmbeddedError(
        'data_directory_in_use',
        `Another countersign service (process ${owner}) is using this data directory. ` +
          'Stop it first, or choose another directory with COUNTERSIGN_DATA.',
      )
    }
    await sleep(20 + Math.random() * 180)
  }
}

const LONGEST_CONTENTION_MS = 10_000

interface Flag {
  readonly name: string
  lower(): Promise<void>
}

/** Undefined when somebody who came in meanwhile swept it away. */
async function raiseFlag(directory: string, pid: number): Promise<Flag | undefined> {
  const name = `${pid}-${randomBytes(6).toString('hex')}`
  const path = join(directory, name)
  // A socket is in its directory before it listens, when it still looks dead; so it gets its name afterwards.
  const server = await listen(`${path}.new`)
  const lower = async () => {
    await rm(path, { force: true })
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
  try {
    await rename(`${path}.new`, path)
    return { name, lower }
  } catch (error) {
    await lower()
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

async function otherFlags(
  directory: string,
  own: string,
): Promise<{ readonly name: string; readonly alive: boolean }[]> {
  const names = (await readdir(directory)).filter((name) => name !== own && name !== 'holder')
  return Promise.all(names.map(async (name) => ({ name, alive: await answers(join(directory, name)) })))
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.unref()
    server.once('error', (error) => {
      reject(
        new EmbeddedError(
          'data_directory_unusable',
          `Cannot lock the data directory: no Unix socket can be made in it (${error.message}). ` +
            'Choose one on a local file system with COUNTERSIGN_DATA, or set DATABASE_URL.',
        ),
      )
    })
    server.listen(path, () => resolve(server))
  })
}

/** Only a refusal proves death: a process too busy to answer is alive. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = openSocket(path)
    const done = (alive: boolean) => {
      socket.destroy()
      resolve(alive)
    }
    socket.once('connect', () => done(true))
    socket.once('error', (error) => done(!['ECONNREFUSED', 'ENOENT'].includes(systemCode(error) ?? '')))
  })
}
