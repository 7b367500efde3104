import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Config } from '../../src/config.js'
import { type Service, startService } from '../../src/serve.js'
import { type TestDatabase, testDatabase } from './postgres.js'

/** A service in this process, on a database of its own or one that it shares with another. */
export interface TestService {
  readonly url: string
  readonly adminToken: string
  readonly database: TestDatabase
  readonly config: Config
  /** What it has logged, line by line. */
  readonly logged: string[]
  close(): Promise<void>
}

/** Starts a service on a free port. With `beside`, a second node on the first one's database, keys and base URL. */
export async function testService(
  options: { readonly beside?: TestService; readonly config?: Partial<Config> } = {},
): Promise<TestService> {
  const { beside } = options
  const database = beside?.database ?? (await testDatabase())
  const adminToken = beside?.adminToken ?? randomBytes(32).toString('base64url')
  const dataDir = await mkdtemp(join(tmpdir(), 'countersign-service-'))
  const config: Config = {
    host: '127.0.0.1',
    port: 0,
    baseUrl: beside?.config.baseUrl ?? 'http://countersign.test',
    dataDir,
    database: { kind: 'server', url: database.url },
    redisUrl: undefined,
    adminTokenHash: createHash('sha256').update(adminToken).digest(),
    adminTokenFile: undefined,
    kek: beside?.config.kek ?? randomBytes(32),
    roles: new Set(['sts', 'pdp', 'admin']),
    allowPrivateAddresses: true,
    trustProxy: [],
    ...options.config,
  }
  const logged: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) })
  const service: Service = await startService(config, { log })
  return {
    url: service.url,
    adminToken,
    database,
    config,
    logged,
    async close() {
      await service.close()
      await rm(dataDir, { recursive: true, force: true })
      if (beside === undefined) await database.drop()
    },
  }
}
