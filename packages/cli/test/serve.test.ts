import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { testDatabase } from '../../server/test/support/postgres.js'
import { freePort } from './support/free-port.js'

const BIN = resolve(import.meta.dirname, '../bin/countersign.js')

let dataDir: string
const started: ChildProcess[] = []
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'countersign-serve-'))
})
afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  await rm(dataDir, { recursive: true })
})

/** The command as a process, as people run it. */
function countersign(argv: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [BIN, ...argv], {
    env: { PATH: process.env.PATH, COUNTERSIGN_DATA: dataDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.push(child)
  const said = { out: '', err: '' }
  child.stdout.on('data', (chunk) => {
    said.out += chunk
  })
  child.stderr.on('data', (chunk) => {
    said.err += chunk
  })
  return { child, said, exit: once(child, 'close').then(([code]) => code as number | null) }
}

async function serve(env: NodeJS.ProcessEnv = {}) {
  const port = await freePort()
  const service = countersign(['serve'], { COUNTERSIGN_PORT: String(port), ...env })
  await vi.waitFor(() => expect(service.said.err).toContain('Countersign serves'), 30_000)
  return { ...service, url: `http://127.0.0.1:${port}` }
}

describe('serve', () => {
  test('answers until SIGTERM, then drains and ends with 0', async () => {
    const { child, exit, said, url } = await serve()
    expect((await fetch(`${url}/readyz`)).status).toBe(200)
    expect(JSON.parse(await readFile(join(dataDir, 'service.json'), 'utf8'))).toEqual({ url, pid: child.pid })
    child.kill('SIGTERM')
    expect(await exit).toBe(0)
    await expect(readFile(join(dataDir, 'service.json'))).rejects.toThrow('ENOENT')
    for (const line of said.out.trim().split('\n')) JSON.parse(line)
    const token = (await readFile(join(dataDir, 'admin-token'), 'utf8')).trim()
    expect(said.out + said.err).not.toContain(token)
  })

  test('is refused on a data directory that another one uses, naming its process', async () => {
    const { child } = await serve()
    const second = countersign(['serve'], { COUNTERSIGN_PORT: String(await freePort()) })
    expect(await second.exit).toBe(1)
    expect(second.said.err).toContain(`process ${child.pid}`)
  })

  test('says what is wrong with its configuration, all at once', async () => {
    const { exit, said } = countersign(['serve'], { COUNTERSIGN_PROT: '1', COUNTERSIGN_HOST: '0.0.0.0' })
    expect(await exit).toBe(2)
    expect(said.err).toContain('Did you mean COUNTERSIGN_PORT?')
    expect(said.err).toContain('COUNTERSIGN_BASE_URL is required')
    expect(said.err).not.toContain('    at ')
  })

  test('says when its data directory cannot be made, where the system denies that there is anything', {
    skip: process.platform !== 'linux',
  }, async () => {
    const { exit, said } = countersign(['serve'], { COUNTERSIGN_DATA: '/proc/no-such/directory' })
    expect(await exit).toBe(2)
    expect(said.err).toContain('Cannot make the data directory /proc/no-such/directory')
  })

  test('says when its port is taken', async () => {
    const taken = createServer()
    const port = await freePort()
    await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve))
    const { exit, said } = countersign(['serve'], { COUNTERSIGN_PORT: String(port) })
    expect(await exit).toBe(1)
    expect(said.err).toContain(`Port ${port} is taken`)
    taken.close()
  })

  test('names the port that it took by default', async () => {
    const taken = createServer()
    // Somebody else may have it already, which is as good.
    await new Promise<void>((resolve) => {
      taken.once('error', () => resolve())
      taken.listen(8420, '127.0.0.1', resolve)
    })
    const { exit, said } = countersign(['serve'], { COUNTERSIGN_PORT: '' })
    expect(await exit).toBe(1)
    expect(said.err).toContain('Port 8420 is taken')
    taken.close()
  })
})

describe("serve on a database of one's own", () => {
  const secrets = {
    COUNTERSIGN_ADMIN_TOKEN: 'a'.repeat(32),
    COUNTERSIGN_KEK: Buffer.alloc(32, 1).toString('base64'),
  }

  test('says where its data is', async () => {
    const database = await testDatabase()
    const { child, exit, said } = await serve({ ...secrets, DATABASE_URL: database.url })
    expect(said.err).toMatch(/with its data in the database at \S+\/countersign_test_\w+\./)
    child.kill('SIGTERM')
    expect(await exit).toBe(0)
    await database.drop()
  })

  test('says which database cannot be used, and why, without a password or a stack', async () => {
    const database = await testDatabase()
    const missing = Object.assign(new URL(database.url), { pathname: '/nodb', password: 'hunter2hunter2' })
    const nobody = await freePort()
    const refused = `postgres://me:hunter2hunter2@127.0.0.1:${nobody}/db`
    for (const [url, why] of [
      [missing.href, '/nodb (DATABASE_URL) cannot be used: database "nodb" does not exist.'],
      [refused, `127.0.0.1:${nobody}/db (DATABASE_URL) cannot be used: connect ECONNREFUSED`],
    ] as const) {
      const { exit, said } = countersign(['serve'], { ...secrets, DATABASE_URL: url })
      expect(await exit).toBe(1)
      expect(said.err).toContain(why)
      expect(said.err).not.toMatch(/hunter2| {4}at /)
    }
    await database.drop()
  })
})

describe('the command line', () => {
  test('every command explains itself, and exits with 0', async () => {
    for (const name of ['serve', 'challenges', 'approve', 'reject', 'demo', 'policy', 'policy check']) {
      const { exit, said } = countersign([...name.split(' '), '--help'])
      expect(await exit).toBe(0)
      expect(said.out).toContain(`Usage: countersign ${name}`)
    }
  })

  test('what it does not know exits with 2 and names the help', async () => {
    for (const argv of [['no-such-command'], ['approve'], ['challenges', '--state', 'x'], ['policy', 'eval'], []]) {
      const { exit, said } = countersign(argv)
      expect(await exit).toBe(2)
      expect(said.err + said.out).toContain('--help')
    }
  })

  test('help on a command that it does not know is an error that names it', async () => {
    const { exit, said } = countersign(['help', 'bogus'])
    expect(await exit).toBe(2)
    expect(said.err).toContain("error: unknown command 'bogus'")
    expect(await countersign(['help', 'approve']).exit).toBe(0)
  })

  test('it knows its version', async () => {
    const { exit, said } = countersign(['--version'])
    expect(await exit).toBe(0)
    expect(said.out).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})
