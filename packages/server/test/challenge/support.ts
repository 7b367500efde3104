import { createHash, randomBytes } from 'node:crypto'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type ChallengeState,
  type ChallengeType,
  canonicalJson,
  type Identity,
  identityKey,
} from '@countersign/protocol'
import { sql } from 'kysely'
import { pino } from 'pino'
import { installAdminAuthentication } from '../../src/authority/admin-tokens/authenticate.js'
import { type Bus, openPostgresBus } from '../../src/bus/bus.js'
import { challengeRoutes } from '../../src/challenge/routes.js'
import { hashSecret, newSecret } from '../../src/challenge/secrets.js'
import type { WaitLimits } from '../../src/challenge/wait/room.js'
import { challengeWaitRoutes } from '../../src/challenge/wait/routes.js'
import { type App, createApp } from '../../src/http/app.js'
import { installCors } from '../../src/http/cors.js'
import { createMetrics } from '../../src/http/metrics.js'
import { DatabaseClock } from '../../src/store/clock.js'
import { type Db, openDatabase } from '../../src/store/database.js'
import { newId } from '../../src/store/ids.js'
import { migrate } from '../../src/store/migrate.js'
import { createSealer } from '../../src/store/seal.js'
import type { Capability, Demand } from '../../src/store/tables.js'
import { testDatabase } from '../support/postgres.js'

export const ALICE: Identity = { kind: 'user', issuer: 'https://idp.example', id: 'alice' }
export const BOB: Identity = { kind: 'user', issuer: 'https://idp.example', id: 'bob' }
export const CAROL: Identity = { kind: 'user', issuer: 'https://idp.example', id: 'carol' }
export const DAVE: Identity = { kind: 'user', issuer: 'https://idp.example', id: 'dave' }
/** Owns authentication and attestation services. */
export const IDP: Identity = { kind: 'application', id: 'authentication-service' }

export const BOOTSTRAP = 'bootstrap-token-for-tests-0123456789'

/** One process of the service, as far as challenges go. */
export interface TestNode {
  readonly app: App
  readonly bus: Bus
  readonly db: Db
  readonly url: string
  /** How many queries and transactions it has begun. */
  queries(): number
  close(): Promise<void>
}

export interface ChallengeOptions {
  readonly type?: ChallengeType
  readonly demand?: Demand
  readonly proverSubject?: Identity | null
  readonly requesters?: readonly Identity[]
  readonly requesterApplications?: readonly string[]
  readonly applicationId?: string
  readonly principalId?: string
  readonly ttlMs?: number
  readonly predecessorId?: string
  readonly satisfied?: boolean
  readonly binding?: string
  readonly id?: string
  readonly zoneId?: string
}

export interface TokenOptions {
  readonly owner?: Identity | null
  readonly maxAal?: 'aal1' | 'aal2' | 'aal3' | null
  readonly zoneId?: string | null
}

/** A database with a zone and an application, nodes on it, and what tests put there directly. */
export class ChallengeWorld {
  readonly zoneId = newId(Date.now())
  readonly applicationId = newId(Date.now())
  readonly #closing: (() => Promise<void>)[] = []
  #db: Db | undefined

  static async open(): Promise<ChallengeWorld> {
    const world = new ChallengeWorld()
    const database = await testDatabase()
    world.#closing.push(() => database.drop())
    await migrate(database.connection)
    world.connection = database.connection
    const { db } = openDatabase(database.connection, 4)
    world.#db = db
    world.#closing.push(() => db.destroy())
    await world.zone(world.zoneId)
    await world.application(world.applicationId, null)
    return world
  }

  connection = { url: '' }

  get db(): Db {
    if (this.#db === undefined) throw new Error('the world is not open')
    return this.#db
  }

  async close(): Promise<void> {
    for (const close of this.#closing.reverse()) await close()
  }

  async node(limits?: WaitLimits): Promise<TestNode> {
    const { db, pool } = openDatabase(this.connection, 8)
    let acquired = 0
    pool.on('acquire', () => {
      acquired += 1
    })
    const bus = await openPostgresBus(this.connection, () => {})
    const app = await createApp({ log: pino({ level: 'silent' }), metrics: createMetrics(), readiness: [] })
    const clock = new DatabaseClock()
    await clock.sync(db)
    const adminTokenHash = createHash('sha256').update(BOOTSTRAP).digest()
    installCors(app, async (origin) => origin.endsWith('.registered.example'))
    installAdminAuthentication(app, { db, clock, adminTokenHash })
    await app.register(challengeRoutes({ db, sealer: createSealer(Buffer.alloc(32, 1)) }))
    await app.register(challengeWaitRoutes(limits === undefined ? { db, bus } : { db, bus, limits }))
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    let closed = false
    const node: TestNode = {
      app,
      bus,
      db,
      url,
      queries: () => acquired,
      close: async () => {
        if (closed) return
        closed = true
        await app.close()
        await bus.close()
        await db.destroy()
      },
    }
    this.#closing.push(node.close)
    return node
  }

  async zone(id: string): Promise<void> {
    const at = new Date()
    await this.db
      .insertInto('zones')
      .values({ id, slug: `z${id}`, name: 'Zone', settings: '{}', created_at: at, updated_at: at })
      .execute()
    await this.db.insertInto('zone_heads').values({ zone_id: id, active_set_version_id: null }).execute()
  }

  async application(id: string, owner: Identity | null): Promise<void> {
    const at = new Date()
    const written = owner === null ? null : JSON.stringify(owner)
    await this.db
      .insertInto('applications')
      .values({
        zone_id: this.zoneId,
        id,
        name: 'Payments agent',
        auth_method: 'client_secret',
        jwks: null,
        owner: written,
        created_at: at,
        updated_at: at,
      })
      .onConflict((conflict) => conflict.columns(['zone_id', 'id']).doUpdateSet({ owner: written }))
      .execute()
  }

  /** Records that someone was shown a secret of an application. */
  async shownSecret(applicationId: string, to: Identity): Promise<void> {
    await this.db
      .insertInto('application_secrets')
      .values({
        zone_id: this.zoneId,
        application_id: applicationId,
        id: newId(Date.now()),
        hash: randomBytes(32),
        shown_to: JSON.stringify(to),
        created_at: new Date(),
        expires_at: null,
      })
      .execute()
  }

  async token(capabilities: readonly Capability[], options: TokenOptions = {}): Promise<{ id: string; token: string }> {
    const id = newId(Date.now())
    const token = randomBytes(32).toString('base64url')
    const owner = options.owner === undefined ? CAROL : options.owner
    await this.db
      .insertInto('admin_tokens')
      .values({
        id,
        zone_id: options.zoneId === undefined ? this.zoneId : options.zoneId,
        name: 'test',
        hash: createHash('sha256').update(token).digest(),
        capabilities: [...capabilities],
        max_aal: options.maxAal === undefined ? (capabilities.includes('prove') ? 'aal3' : null) : options.maxAal,
        owner: owner === null ? null : JSON.stringify(owner),
        created_by: 'admin:bootstrap',
        created_at: new Date(),
      })
      .execute()
    return { id, token }
  }

  /** A challenge as a pause leaves it, with one secret. */
  async challenge(options: ChallengeOptions = {}): Promise<{ id: string; secret: string }> {
    const now = await this.now()
    const id = options.id ?? newId(now)
    const zoneId = options.zoneId ?? this.zoneId
    const requestJson = canonicalJson({ scopes: ['transfer'], subject: 'alice', nonce: options.binding ?? id })
    const proverSubject = options.proverSubject === undefined ? ALICE : options.proverSubject
    const applicationId = options.applicationId ?? this.applicationId
    await this.db
      .insertInto('step_up_challenges')
      .values({
        zone_id: zoneId,
        id,
        session_id: newId(now),
        principal_id: options.principalId ?? 'alice',
        application_id: applicationId,
        challenge_type: options.type ?? 'human_approval',
        demand: JSON.stringify(options.demand ?? {}),
        prover_subject: proverSubject === null ? null : JSON.stringify(proverSubject),
        requesters: (options.requesters ?? [ALICE]).map(identityKey),
        requester_applications: [...(options.requesterApplications ?? [applicationId])],
        request_json: requestJson,
        binding_hash: createHash('sha256').update(requestJson).digest(),
        predecessor_id: options.predecessorId ?? null,
        created_at: new Date(now),
        expires_at: new Date(now + (options.ttlMs ?? 300_000)),
        satisfied_at: options.satisfied ? new Date(now) : null,
        consumed_by: null,
        decision_reason: null,
      })
      .execute()
    return { id, secret: await this.secret(id, zoneId) }
  }

  async secret(challengeId: string, zoneId = this.zoneId): Promise<string> {
    const { secret } = newSecret()
    await this.db
      .insertInto('challenge_secrets')
      .values({ zone_id: zoneId, challenge_id: challengeId, hash: hashSecret(secret) })
      .execute()
    return secret
  }

  async now(): Promise<number> {
    const answer = await sql<{ now: number }>`SELECT countersign.now() AS now`.execute(this.db)
    return answer.rows[0]?.now ?? Number.NaN
  }

  /** Moves the database's clock, for everyone. */
  async shift(ms: number): Promise<void> {
    await sql`UPDATE clock SET shift = shift + ${`${ms} milliseconds`}::interval`.execute(this.db)
  }

  /** The zone's events, with what their commitments open to. */
  async events(): Promise<{ type: string; [field: string]: unknown }[]> {
    const rows = await this.db
      .selectFrom('audit_events')
      .select(['event'])
      .where('zone_id', '=', this.zoneId)
      .orderBy('leaf_index')
      .execute()
    return rows.map((row) => JSON.parse(row.event) as { type: string })
  }

  path(id = ''): string {
    return `/v1/zones/${this.zoneId}/step-up-challenges${id === '' ? '' : `/${id}`}`
  }

  waitPath(id: string, wait?: number): string {
    return `/zones/${this.zoneId}/oauth/2/challenges/${id}${wait === undefined ? '' : `?wait=${wait}`}`
  }
}

/** What answers may hold, as far as tests name it. */
export interface Body {
  readonly code?: string
  readonly error?: string
  readonly requestId?: string
  readonly state: ChallengeState
  readonly decision_reason?: string
  readonly proofs?: readonly unknown[]
  readonly items: readonly { readonly id: string; readonly state: ChallengeState }[]
  readonly next_cursor: string | null
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Body
  readonly ms: number
}

/** One request over HTTP. */
export async function call(
  url: string,
  options: {
    bearer?: string | undefined
    method?: string
    body?: unknown
    signal?: AbortSignal
    key?: string
    origin?: string
  } = {},
): Promise<Answer> {
  const headers: Record<string, string> = {}
  if (options.bearer !== undefined) headers.authorization = `Bearer ${options.bearer}`
  if (options.body !== undefined) headers['content-type'] = 'application/json'
  if (options.key !== undefined) headers['idempotency-key'] = options.key
  if (options.origin !== undefined) headers.origin = options.origin
  const began = performance.now()
  const response = await fetch(url, {
    method: options.method ?? (options.body === undefined ? 'GET' : 'POST'),
    headers,
    ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
    ...(options.signal !== undefined && { signal: options.signal }),
  })
  const text = await response.text()
  const body = text === '' ? undefined : JSON.parse(text)
  return { status: response.status, headers: response.headers, body, ms: performance.now() - began }
}

/** A receiver on loopback. */
export async function listen(handler: RequestListener): Promise<{ server: Server; url: string }> {
  const server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}
