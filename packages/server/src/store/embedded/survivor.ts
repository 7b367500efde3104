import { execFile } from 'node:child_process'
import { readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { EmbeddedError } from './embedded-error.js'

/**
 * Ends the PostgreSQL server that outlived its service, if there is one, and returns the process id that a stale
 * `postmaster.pid` names, which may by now belong to any other process.
 *
 * It is stopped rather than adopted: what its service's last transactions did is then settled before the next service
 * asks, and the server always runs with this version's programs and settings, as our child. Call it with the directory
 * locked. A fast shutdown takes some 100 ms.
 *
 * @throws EmbeddedError `database_stop_failed`
 */
export async function stopSurvivor(cluster: string, log: (line: string) => void): Promise<number | undefined> {
  const pid = await readPid(cluster)
  if (pid === undefined) return undefined
  const mark = await clusterName(cluster)
  if (!(await isServer(pid, mark))) return pid
  log(`stopping the database server (process ${pid}) that outlived its service`)
  if (await ends(pid, mark, 'SIGINT', 30_000)) return pid
  if (await ends(pid, mark, 'SIGQUIT', 10_000)) return pid
  throw new EmbeddedError(
    'database_stop_failed',
    `The previous database server (process ${pid}) does not stop. End it, then start again.`,
  )
}

/** The setting `cluster_name` of the server in this directory: in its arguments, so that it can be told from any other process. */
export async function clusterName(cluster: string): Promise<string> {
  const { dev, ino } = await stat(cluster)
  return `countersign-${dev}-${ino}`
}

async function ends(pid: number, mark: string, signal: 'SIGINT' | 'SIGQUIT', patienceMs: number): Promise<boolean> {
  try {
    process.kill(pid, signal)
  } catch {
    return !(await isServer(pid, mark))
  }
  for (let waited = 0; waited < patienceMs; waited += 20) {
    if (!(await isServer(pid, mark))) return true
    await sleep(20)
  }
  return false
}

/** A process id alone proves nothing: numbers are used again. */
async function isServer(pid: number, mark: string): Promise<boolean> {
  return (await commandLine(pid)).includes(`cluster_name=${mark}`)
}

/** Empty for a process that is gone, or is a zombie. */
async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).then(
    ({ stdout }) => stdout,
    () => '',
  )
}

async function readPid(cluster: string): Promise<number | undefined> {
  const path = join(cluster, 'postmaster.pid')
  for (let attempt = 0; attempt < 25; attempt += 1) {
    const text = await readFile(path, 'utf8').catch(() => undefined)
    if (text === undefined) return undefined
    const pid = Number.parseInt(text, 10)
    if (pid > 0) return pid
    await sleep(20)
  }
  // Cut short by a crash of the machine, or PostgreSQL would have filled it by now.
  await rm(path, { force: true })
  return undefined
}
