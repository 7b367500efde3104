import { type ChildProcess, fork } from 'node:child_process'
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbedded } from '@countersign/server/embedded'
import pg from 'pg'

/** A process that is measured. */
export interface Measured {
  readonly pid: number
  readonly port: number
}

/** One PostgreSQL, the floor and the service on it, all on this machine. */
export interface Rig {
  readonly adminToken: string
  readonly secret: string
  readonly signingKey: ReturnType<typeof generateKeyPairSync>['privateKey']
  floor(cache: boolean): Promise<Measured>
  /** Starts a node of the service; every node is on the same database. */
  service(): Promise<Measured>
  /** A connection to the service's database. */
  database(): Promise<pg.Client>
  close(): Promise<void>
}

export async function startRig(): Promise<Rig> {
  const dataDir = await mkdtemp(join(tmpdir(), 'countersign-bench-'))
  const embedded = await startEmbedded({ dataDir, log: () => {} })
  const { host, port, user, database } = embedded.connection
  const connection: pg.ClientConfig = { host, port, user, database }

  const children: ChildProcess[] = []
  const start = async <T>(file: string, message: object): Promise<T & { pid: number }> => {
    const child = fork(new URL(file, import.meta.url), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    children.push(child)
    child.send(message)
    const answer = await new Promise<T>((resolve, reject) => {
      child.once('message', (ready) => resolve(ready as T))
      child.once('exit', (code) => reject(new Error(`${file} ended with ${code}`)))
    })
    return { ...answer, pid: child.pid ?? 0 }
  }

  const adminToken = randomBytes(32).toString('base64url')
  const secret = randomBytes(32).toString('base64url')
  const kek = randomBytes(32).toString('hex')
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const url = `postgresql:///${database}?host=${encodeURIComponent(host)}&port=${port}&user=${user}`
  let nodes = 0
  return {
    adminToken,
    secret,
    signingKey: privateKey,
    async floor(cache) {
      const settings = {
        database: connection,
        key: privateKey.export({ format: 'pem', type: 'pkcs8' }),
        secretHash: createHash('sha256').update(secret).digest('hex'),
        cache,
      }
      return start<Measured>('../floor/main.js', settings)
    },
    async service() {
      const config = {
        host: '127.0.0.1',
        port: 0,
        baseUrl: 'http://bench.test',
        dataDir,
        database: { kind: 'server', url },
        adminTokenHash: createHash('sha256').update(adminToken).digest('hex'),
        kek,
        allowPrivateAddresses: false,
        trustProxy: [],
      }
      const logFile = join(dataDir, `service-${++nodes}.log`)
      const { url: served, pid } = await start<{ url: string }>('./service-main.js', { config, logFile })
      return { pid, port: Number(new URL(served).port) }
    },
    async database() {
      const client = new pg.Client({ ...connection, options: '-c search_path=countersign' })
      await client.connect()
      return client
    },
    async close() {
      for (const child of children) child.disconnect()
      await Promise.all(
        children.map(
          (child) => new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve(0))),
        ),
      )
      await embedded.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
