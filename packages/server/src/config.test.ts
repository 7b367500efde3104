import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ConfigError, loadConfig } from './config.js'

let dataDir: string
const load = (env: NodeJS.ProcessEnv = {}) => loadConfig({ COUNTERSIGN_DATA: dataDir, ...env })
const problems = async (env: NodeJS.ProcessEnv): Promise<readonly string[]> => {
  const error = await load(env).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error === undefined) return []
  if (!(error instanceof ConfigError)) throw error
  return error.problems
}

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'countersign-config-'))
})
afterEach(() => rm(dataDir, { recursive: true }))

const KEK = Buffer.alloc(32, 7)
const TOKEN = 't'.repeat(32)

describe('with nothing set', () => {
  test('it listens on loopback, with its own database', async () => {
    const config = await load()
    expect(config).toMatchObject({
      host: '127.0.0.1',
      port: 8420,
      baseUrl: 'http://127.0.0.1:8420',
      dataDir,
      database: { kind: 'embedded' },
      redisUrl: undefined,
      allowPrivateAddresses: false,
      trustProxy: [],
    })
    expect([...config.roles]).toEqual(['sts', 'pdp', 'admin'])
  })

  test('the token and the key are made once, in files that nobody else can read', async () => {
    const [one, two] = await Promise.all([load(), load()])
    const later = await load()
    expect(two.kek).toEqual(one.kek)
    expect(later.kek).toEqual(one.kek)
    expect(later.adminTokenHash).toEqual(one.adminTokenHash)
    expect([one, two].filter((config) => config.adminTokenFile?.created)).toHaveLength(1)
    expect(later.adminTokenFile).toEqual({ path: join(dataDir, 'admin-token'), created: false })
    expect((await readdir(dataDir)).sort()).toEqual(['admin-token', 'kek'])
    for (const name of ['admin-token', 'kek']) expect((await stat(join(dataDir, name))).mode & 0o777).toBe(0o600)
  })

  test('the configuration does not hold the bootstrap token', async () => {
    const config = await load()
    const token = (await readFile(join(dataDir, 'admin-token'), 'utf8')).trim()
    expect(JSON.stringify(config)).not.toContain(token)
  })

  test('a key that others can read is refused', async () => {
    await load()
    await chmod(join(dataDir, 'kek'), 0o644)
    expect((await problems({}))[0]).toContain(`chmod 600 ${join(dataDir, 'kek')}`)
  })

  test('a lost key is not replaced under a database that needs it', async () => {
    await load()
    await mkdir(join(dataDir, 'postgres'))
    await rm(join(dataDir, 'kek'))
    expect((await problems({}))[0]).toContain('kek is missing')
    expect(await readdir(dataDir)).not.toContain('kek')
  })

  test('a damaged key is refused', async () => {
    await writeFile(join(dataDir, 'kek'), 'abc\n', { mode: 0o600 })
    expect((await problems({}))[0]).toContain('32 random bytes')
  })
})

describe('names', () => {
  test('an unknown name is an error that suggests the nearest one', async () => {
    expect(await problems({ COUNTERSIGN_DATADIR: 'x' })).toEqual([
      'COUNTERSIGN_DATADIR is not a variable of this service. Did you mean COUNTERSIGN_DATA?',
    ])
    expect((await problems({ COUNTERSIGN_TRUSTED_PROXY: 'x' }))[0]).toContain('COUNTERSIGN_TRUST_PROXY?')
  })

  test('what Kubernetes says of a service named countersign is passed over', async () => {
    const config = await load({
      COUNTERSIGN_PORT: 'tcp://10.0.0.11:8420',
      COUNTERSIGN_PORT_8420_TCP: 'tcp://10.0.0.11:8420',
      COUNTERSIGN_PORT_8420_TCP_ADDR: '10.0.0.11',
      COUNTERSIGN_PORT_8420_TCP_PORT: '8420',
      COUNTERSIGN_PORT_8420_TCP_PROTO: 'tcp',
      COUNTERSIGN_SERVICE_HOST: '10.0.0.11',
      COUNTERSIGN_SERVICE_PORT: '8420',
      COUNTERSIGN_SERVICE_PORT_HTTP: '8420',
      COUNTERSIGN_GATEWAY_PORT: 'tcp://10.0.0.12:80',
      COUNTERSIGN_GATEWAY_SERVICE_HOST: '10.0.0.12',
    })
    expect(config.port).toBe(8420)
  })

  test('an empty value is none', async () => {
    expect(await load({ COUNTERSIGN_PORT: '', DATABASE_URL: ' ' })).toMatchObject({ port: 8420 })
  })

  test('everything wrong is said at once', async () => {
    expect(await problems({ COUNTERSIGN_PORT: '0', COUNTERSIGN_HOST: '0.0.0.0', COUNTERSIGN_X: '1' })).toHaveLength(3)
  })
})

describe('values', () => {
  test('off loopback the base URL is required, and never guessed', async () => {
    for (const host of ['0.0.0.0', '::', '192.168.1.5', 'auth.internal']) {
      expect((await problems({ COUNTERSIGN_HOST: host }))[0]).toContain('COUNTERSIGN_BASE_URL is required')
    }
    for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) {
      expect(await problems({ COUNTERSIGN_HOST: host })).toEqual([])
    }
    expect((await load({ COUNTERSIGN_HOST: '::1' })).baseUrl).toBe('http://[::1]:8420')
  })

  test.each(['ftp://a', 'https://a/x', 'https://a?x', 'https://a#x', 'https://u:p@a', 'a.example'])(
    'the base URL %s is refused',
    async (url) => {
      expect(await problems({ COUNTERSIGN_BASE_URL: url })).toHaveLength(1)
    },
  )

  test('a slash at its end does not matter', async () => {
    expect((await load({ COUNTERSIGN_BASE_URL: 'https://a.example/' })).baseUrl).toBe('https://a.example')
  })

  test('with DATABASE_URL token and key are required, since every node needs the same', async () => {
    const url = 'postgres://u:p@db/countersign'
    expect(await problems({ DATABASE_URL: url })).toHaveLength(2)
    const config = await load({
      DATABASE_URL: url,
      COUNTERSIGN_ADMIN_TOKEN: TOKEN,
      COUNTERSIGN_KEK: KEK.toString('base64'),
    })
    expect(config.database).toEqual({ kind: 'server', url })
    expect(config.adminTokenFile).toBeUndefined()
    expect(await readdir(dataDir)).toEqual([])
  })

  test('the key may be base64, base64url or hex', async () => {
    const key = Buffer.from(Array.from({ length: 32 }, (_, index) => 255 - index))
    for (const form of ['base64', 'base64url', 'hex'] as const) {
      expect((await load({ COUNTERSIGN_KEK: key.toString(form) })).kek).toEqual(key)
    }
  })

  test('roles, booleans and proxies are read strictly', async () => {
    const config = await load({
      COUNTERSIGN_ROLES: 'sts, pdp',
      COUNTERSIGN_ALLOW_PRIVATE_ADDRESSES: 'true',
      COUNTERSIGN_TRUST_PROXY: '10.0.0.0/8,::1',
    })
    expect([...config.roles]).toEqual(['sts', 'pdp'])
    expect(config).toMatchObject({ allowPrivateAddresses: true, trustProxy: ['10.0.0.0/8', '::1'] })
    expect(await problems({ COUNTERSIGN_ROLES: 'sts,boss' })).toHaveLength(1)
    // A node of a part that there is not would start and answer nothing.
    expect((await problems({ COUNTERSIGN_ROLES: 'gateway' }))[0]).toContain('sts, pdp, admin')
    expect(await problems({ COUNTERSIGN_ALLOW_PRIVATE_ADDRESSES: 'yes' })).toHaveLength(1)
    for (const proxy of ['true', '10.0.0.0/33', '1', '10.0.0.1,,', '10.0.0.0/8/8']) {
      expect(await problems({ COUNTERSIGN_TRUST_PROXY: proxy })).toHaveLength(1)
    }
  })

  test('no error ever repeats a value that may be a secret', async () => {
    const secret = fc.stringMatching(/^[A-Za-z0-9:/@]{12,31}$/)
    await fc.assert(
      fc.asyncProperty(secret, async (value) => {
        const said = await problems({
          DATABASE_URL: `x${value}`,
          REDIS_URL: `x${value}`,
          COUNTERSIGN_KEK: `${value}!`,
          COUNTERSIGN_ADMIN_TOKEN: value,
        })
        expect(said).toHaveLength(4)
        expect(said.join('\n')).not.toContain(value)
      }),
      { numRuns: 50 },
    )
  })
})
