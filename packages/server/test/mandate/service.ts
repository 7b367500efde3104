import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { pino } from 'pino'
import { installAdminAuthentication } from '../../src/authority/admin-tokens/authenticate.js'
import { createApp } from '../../src/http/app.js'
import { createMetrics } from '../../src/http/metrics.js'
import type { MandateClaims } from '../../src/mandate/claims.js'
import { mintMandate } from '../../src/mandate/mint.js'
import type { Stranger } from '../../src/mandate/oauth-request.js'
import { mandateRoutes, signingKeyRoutes } from '../../src/mandate/routes.js'
import { newId } from '../../src/store/ids.js'
import { bumpRevision } from '../../src/store/zone-change.js'
import { ISSUER, type MandateStore, mandateClaims, openMandateStore } from './store.js'

const BOOTSTRAP = 'bootstrap-token-for-tests-0123456789'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

/** The routes of mandates over HTTP on a database of their own, with a clock that moves when told. */
export interface MandateService {
  readonly store: MandateStore
  readonly url: string
  readonly strangers: Stranger[]
  now(): number
  /** Moves the service's time and the database's. */
  advance(ms: number): Promise<void>
  post(path: string, form: Record<string, string>, headers?: Record<string, string>): Promise<Answer>
  get(path: string): Promise<Answer>
  rotate(zoneId: string, headers?: Record<string, string>): Promise<Answer>
  addSession(zoneId: string, applicationId: string, more?: { kind?: 'user' | 'application' }): Promise<string>
  addResource(zoneId: string, resource: { identifier: string; scopes: string[]; servedBy?: string }): Promise<string>
  addGrant(zoneId: string, grant: { applicationId: string; resourceId: string; scopes: string[] }): Promise<string>
  mint(zoneId: string, claims: Partial<MandateClaims>): Promise<{ token: string; claims: MandateClaims }>
  events(zoneId: string): Promise<Record<string, unknown>[]>
  close(): Promise<void>
}

export async function openMandateService(): Promise<MandateService> {
  const store = await openMandateStore()
  const { db, sealer, snapshots } = store
  let shift = 0
  const now = () => Date.now() + shift
  const clock = { now }
  const strangers: Stranger[] = []
  const app = await createApp({ log: pino({ level: 'silent' }), metrics: createMetrics(), readiness: [] })
  installAdminAuthentication(app as never, {
    db,
    clock,
    adminTokenHash: createHash('sha256').update(BOOTSTRAP).digest(),
  })
  // The issuer is the address itself, which is known only once the port is; nothing is asked before.
  let url = ''
  const onStranger = async (stranger: Stranger) => void strangers.push(stranger)
  await app.register(signingKeyRoutes({ db, sealer }))
  await app.register(
    mandateRoutes({
      db,
      snapshots,
      clock,
      onStranger,
      get baseUrl() {
        return url
      },
    }),
  )
  url = await app.listen({ host: '127.0.0.1', port: 0 })

  const add = async (
    zoneId: string,
    kind: 'resource' | 'grant',
    insert: (id: string, at: Date) => Promise<unknown>,
  ) => {
    const id = newId(Date.now())
    await insert(id, new Date())
    await db.transaction().execute((tx) => bumpRevision(tx, zoneId, [{ kind, id }]))
    return id
  }

  return {
    store,
    url,
    strangers,
    now,
    async advance(ms) {
      shift += ms
      await sql`UPDATE clock SET shift = ${`${shift} milliseconds`}::interval`.execute(db)
    },
    async post(path, form, headers = {}) {
      return read(await fetch(url + path, { method: 'POST', body: new URLSearchParams(form), headers }))
    },
    async get(path) {
      return read(await fetch(url + path))
    },
    async rotate(zoneId, headers = {}) {
      const authorization = `Bearer ${BOOTSTRAP}`
      const path = `${url}/v1/zones/${zoneId}/keys/rotate`
      return read(await fetch(path, { method: 'POST', headers: { authorization, ...headers } }))
    },
    async addSession(zoneId, applicationId, { kind = 'user' } = {}) {
      const id = newId(Date.now())
      const at = new Date(now())
      const issuer = kind === 'user' ? ISSUER : null
      const subject = kind === 'user' ? 'alice' : applicationId
      await db
        .insertInto('sessions')
        .values({
          zone_id: zoneId,
          id,
          kind,
          issuer,
          subject,
          subject_key: JSON.stringify([issuer, subject]),
          application_id: applicationId,
          key_hash: createHash('sha256').update(id).digest(),
          aal: 'aal1',
          created_at: at,
          expires_at: new Date(at.getTime() + 12 * 3_600_000),
          last_used_at: at,
        })
        .execute()
      return id
    },
    addResource: (zoneId, { identifier, scopes, servedBy }) =>
      add(zoneId, 'resource', (id, at) =>
        db
          .insertInto('resources')
          .values({
            zone_id: zoneId,
            id,
            identifier,
            name: 'Resource',
            slug: null,
            scopes,
            served_by: servedBy ?? null,
            upstream_credential_sealed: null,
            created_at: at,
            updated_at: at,
          })
          .execute(),
      ),
    addGrant: (zoneId, { applicationId, resourceId, scopes }) =>
      add(zoneId, 'grant', (id, at) =>
        db
          .insertInto('grants')
          .values({
            zone_id: zoneId,
            id,
            application_id: applicationId,
            resource_id: resourceId,
            scopes,
            label: null,
            created_at: at,
            updated_at: at,
          })
          .execute(),
      ),
    async mint(zoneId, more) {
      const claims = mandateClaims(zoneId, now(), { iss: `${url}/zones/${zoneId}`, ...more })
      return { token: await mintMandate(await store.snapshot(zoneId), sealer, claims, now()), claims }
    },
    async events(zoneId) {
      const rows = await db
        .selectFrom('audit_events')
        .select('event')
        .where('zone_id', '=', zoneId)
        .orderBy('leaf_index')
        .execute()
      return rows.map(({ event }) => JSON.parse(event))
    },
    async close() {
      await app.close()
      await store.close()
    },
  }
}

async function read(response: Response): Promise<Answer> {
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
}
