import { createHash, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbedded } from '@countersign/server/embedded'
import pg from 'pg'
import { familyCpuUs } from '../load/process-figures.js'
import { type Child, type ChildOptions, startChild } from './child.js'
import type { ServiceSettings } from './service-main.js'

/** A process that load is sent to. */
export interface Node {
  readonly pid: number
  readonly port: number
  stop(): Promise<void>
}

/** One PostgreSQL with what is measured and what it is measured against on it, all on this machine. */
export interface Rig {
  readonly dataDir: string
  readonly adminToken: string
  /** The client secret that the floor knows. */
  readonly secret: string
  /** Signs subject tokens, and the floor's answers. */
  readonly signingKey: KeyObject
  /** To the service's database, in its schema. */
  readonly database: pg.Client
  /** `PostgreSQL 18.4, fsync on`. */
  readonly databaseVersion: string
  floor(options: { readonly cache: boolean }): Promise<Node>
  fastify(answer: string): Promise<Node>
  /** A node of the service; every node is on the same database. */
  service(execArgv?: readonly string[]): Promise<Node>
  /** CPU time of the database so far, in microseconds; undefined where the system does not tell. */
  databaseCpuUs(): number | undefined
  /** Forgets all events of the service and the floor, so that a long run does not fill the disk. */
  emptyLedgers(): Promise<void>
  close(): Promise<void>
}

/** Settings of a service that keeps its data in `dataDir`, in a database of its own unless it is given one. */
export function serviceSettings(
  rig: Pick<Rig, 'adminToken' | 'dataDir'> & { readonly kek: string },
  database: ServiceSettings['config']['database'],
): ServiceSettings {
  return {
    config: {
      host: '127.0.0.1',
      port: 0,
      baseUrl: 'http://bench.test',
      dataDir: rig.dataDir,
      database,
      adminTokenHash: createHash('sha256').update(rig.adminToken).digest('hex'),
      kek: rig.kek,
      allowPrivateAddresses: false,
      trustProxy: [],
    },
  }
}

export async function startRig(): Promise<Rig> {
  const dataDir = mkdtempSync(join(tmpdir(), 'countersign-bench-'))
  const embedded = await startEmbedded({ dataDir, log: () => {} })
  const { host, port, user, database: name } = embedded.connection
  const connection: pg.ClientConfig = { host, port, user, database: name }
  const postmaster = Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0])
  const database = new pg.Client({ ...connection, options: '-c search_path=countersign,public' })
  await database.connect()
  const { rows } = await database.query<{ version: string; fsync: string }>(
    `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync`,
  )

  await database.query(
    'CREATE TABLE public.floor_events (id uuid PRIMARY KEY, hash text NOT NULL, event text NOT NULL)',
  )

  const children = new Set<Child<{ port: number }>>()
  const start = async (file: string, settings: object, options: ChildOptions = {}): Promise<Node> => {
    const child = await startChild<{ port: number }>(new URL(file, import.meta.url), settings, options)
    children.add(child)
    const stop = (): Promise<void> => {
      children.delete(child)
      return child.stop()
    }
    return { pid: child.pid, port: child.ready.port, stop }
  }

  const adminToken = randomBytes(32).toString('base64url')
  const secret = randomBytes(32).toString('base64url')
  const kek = randomBytes(32).toString('hex')
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const url = `postgresql:///${name}?host=${encodeURIComponent(host)}&port=${port}&user=${user}`
  let nodes = 0
  return {
    dataDir,
    adminToken,
    secret,
    signingKey: privateKey,
    database,
    databaseVersion: `PostgreSQL ${rows[0]?.version.split(' ')[0]}, fsync ${rows[0]?.fsync}`,
    floor: ({ cache }) =>
      start('../floor/main.js', {
        database: connection,
        key: privateKey.export({ format: 'pem', type: 'pkcs8' }),
        secretHash: createHash('sha256').update(secret).digest('hex'),
        cache,
      }),
    fastify: (answer) => start('../floor/fastify-main.js', { answer }),
    service: (execArgv = []) => {
      const settings = serviceSettings({ adminToken, dataDir, kek }, { kind: 'server', url })
      return start('./service-main.js', settings, { execArgv, output: join(dataDir, `service-${++nodes}.log`) })
    },
    databaseCpuUs: () => familyCpuUs(postmaster),
    async emptyLedgers() {
      await database.query('TRUNCATE audit_events, public.floor_events')
    },
    async close() {
      await Promise.allSettled([...children].map((child) => child.stop()))
      await database.end().catch(() => {})
      await embedded.stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
