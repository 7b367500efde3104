import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { pino } from 'pino'
import { startService } from '../../../server/src/serve.js'
import { startEmbedded } from '../../../server/src/store/embedded/start-embedded.js'
import { adminOk } from '../../../server/test/support/world.js'

/** The service itself, on a PostgreSQL of its own, with one zone. */
export interface RealService {
  readonly url: string
  readonly zoneId: string
  readonly issuer: string
  /** Creates something below the zone: `('resources', {…})`. */
  readonly create: (what: string, body: object, token?: string) => Promise<Record<string, unknown>>
  /** An admin token of the zone that can do only this. */
  readonly tokenFor: (capability: string, ownerId: string, more?: object) => Promise<string>
  /** Makes a policy the zone's only one. */
  readonly activate: (source: string) => Promise<void>
  /** Moves the service's clock forward. */
  readonly passTime: (seconds: number) => Promise<void>
  readonly stop: () => Promise<void>
}

/** Starts it. What it issues names `https://sts.example`, whatever port it listens on. */
export async function startRealService(): Promise<RealService> {
  const undo: (() => Promise<unknown>)[] = []
  const dataDir = await mkdtemp(join(tmpdir(), 'countersign-service-'))
  undo.push(() => rm(dataDir, { recursive: true, force: true }))
  const postgres = await startEmbedded({ dataDir, log: () => {} })
  undo.push(() => postgres.stop())
  const { host, port, user, database } = postgres.connection
  const adminToken = randomBytes(32).toString('base64url')
  const where = `postgresql://${user}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`
  const service = await startService(
    {
      host: '127.0.0.1',
      port: 0,
      baseUrl: 'https://sts.example',
      dataDir,
      database: { kind: 'server', url: where },
      redisUrl: undefined,
      adminTokenHash: createHash('sha256').update(adminToken).digest(),
      adminTokenFile: undefined,
      kek: randomBytes(32),
      roles: new Set(['sts', 'pdp', 'admin']),
      allowPrivateAddresses: true,
      trustProxy: [],
    },
    { log: pino({ level: 'silent' }) },
  )
  undo.push(() => service.close())

  const at = { url: service.url, adminToken }
  const zone = await adminOk(at, 'POST', '/v1/zones', { slug: 'bank', name: 'Bank' })
  const base = `/v1/zones/${zone.id}`
  const create: RealService['create'] = (what, body, token) =>
    adminOk(at, 'POST', `${base}/${what}`, body, token === undefined ? {} : { token })
  return {
    url: service.url,
    zoneId: String(zone.id),
    issuer: String(zone.issuer),
    create,
    tokenFor: async (capability, ownerId, more = {}) => {
      const owner = { kind: 'user', issuer: 'https://idp.example', id: ownerId }
      const body = { name: capability, zone_id: zone.id, capabilities: [capability], owner, ...more }
      return String((await adminOk(at, 'POST', '/v1/admin-tokens', body)).token)
    },
    activate: async (source) => {
      const name = `policy-${randomBytes(4).toString('hex')}`
      const { version } = (await create('policies', { name, source })) as { version: { id: string } }
      const set = await create('policy-sets', { name, policy_versions: [version.id] })
      await create(`policy-sets/${set.id}/activate`, {})
    },
    passTime: async (seconds) => {
      const client = new pg.Client({ host, port, user, database })
      await client.connect()
      await client.query(`UPDATE countersign.clock SET shift = shift + $1 * interval '1 second'`, [seconds])
      await client.query(`SELECT pg_notify('countersign', '{"topic":"clock","zoneId":"","id":""}')`)
      await client.end()
    },
    stop: async () => {
      for (const step of undo.reverse()) await step()
    },
  }
}
