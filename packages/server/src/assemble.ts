import type { Logger } from 'pino'
import { installAdminAuthentication } from './authority/admin-tokens/authenticate.js'
import { adminTokenRoutes } from './authority/admin-tokens/routes.js'
import { isRegisteredOrigin } from './authority/applications/queries.js'
import { applicationRoutes } from './authority/applications/routes.js'
import { auditRoutes } from './authority/audit/routes.js'
import { grantRoutes } from './authority/grants/routes.js'
import { IssuerKeys } from './authority/issuer-keys/issuer-keys.js'
import { overviewRoutes } from './authority/overview/routes.js'
import { resourceRoutes } from './authority/resources/routes.js'
import { SessionAnchors } from './authority/session-anchors.js'
import { sessionRoutes } from './authority/sessions/routes.js'
import { settingsRoutes } from './authority/settings/routes.js'
import { Snapshots } from './authority/snapshot.js'
import { subjectIssuerRoutes } from './authority/subject-issuers/routes.js'
import { zoneRoutes } from './authority/zones/routes.js'
import { openPostgresBus } from './bus/bus.js'
import { challengeRoutes } from './challenge/routes.js'
import { challengeWaitRoutes } from './challenge/wait/routes.js'
import { WebhookWorker } from './challenge/webhook/worker.js'
import { CommitQueue } from './commit/queue.js'
import type { Config } from './config.js'
import { authzenRoutes } from './decision/authzen.js'
import { DecisionPoint } from './decision/decision-point.js'
import { decisionRoutes } from './decision/routes.js'
import { Exchange } from './exchange/exchange.js'
import { exchangeRoutes } from './exchange/routes.js'
import type { Stranger } from './exchange/strangers.js'
import { UnderWay } from './exchange/under-way.js'
import { createApp } from './http/app.js'
import { installCors } from './http/cors.js'
import { createMetrics } from './http/metrics.js'
import { withoutValues } from './http/without-values.js'
import type { LogAnswer } from './log.js'
import { createSigningKey, requireSealer } from './mandate/keys.js'
import { mandateRoutes, signingKeyRoutes } from './mandate/routes.js'
import { policyRoutes } from './policy/policies/routes.js'
import { policySetRoutes } from './policy/policy-sets/routes.js'
import { DatabaseClock } from './store/clock.js'
import { type Connection, type Db, openDatabase } from './store/database.js'
import { migrate } from './store/migrate.js'
import { databaseReadiness } from './store/readiness.js'
import { createSealer, type Sealer } from './store/seal.js'
import { Sweeper } from './sweep/sweeper.js'

/** What the parts of a node are made with. */
export interface Assembly {
  readonly config: Config
  readonly log: Logger
  readonly logAnswer?: LogAnswer | undefined
  /** Gets what stops each part, in the order in which they start. */
  readonly undo: (() => Promise<unknown>)[]
}

const CLOCK_SYNC_MS = 10_000
const MINUTE_MS = 60_000
const POOL_SIZE = 12

/**
 * Puts a node together on a database that takes connections, and lets it listen.
 *
 * @returns where it listens
 * @throws Error that says what could not be started; `undo` then stops what had
 */
export async function assemble(connection: Connection, { config, log, logAnswer, undo }: Assembly): Promise<string> {
  const { db } = openDatabase(connection, POOL_SIZE)
  undo.push(() => db.destroy())

  const sealer = createSealer(config.kek)
  const clock = new DatabaseClock()
  // The rest is put together while the database has this to do; nothing begins before it is done.
  const preparing = prepareDatabase(connection, db, sealer, clock)
  const prepared = preparing.catch(() => {})
  undo.push(() => prepared)
  const snapshots = new Snapshots(db)
  const sessions = new SessionAnchors(db)
  const onError = (error: Error): void => log.warn({ err: withoutValues(error) }, 'the database could not be used')
  const bus = await openPostgresBus(connection, onError)
  undo.push(() => bus.close())
  const resync = (): Promise<void> => clock.sync(db).catch(onError)
  bus.subscribe({
    news: ({ topic, zoneId, id }) => {
      if (topic === 'zone') snapshots.hear(zoneId)
      else if (topic === 'session') sessions.forget(id)
      else if (topic === 'clock') void resync()
    },
    gap: () => {
      snapshots.clear()
      sessions.clear()
      void resync()
    },
  })

  const commit = new CommitQueue({ connection, onError })
  undo.push(() => commit.close())
  if (config.redisUrl !== undefined) log.warn('REDIS_URL is not used yet: news between nodes go by PostgreSQL')
  const { baseUrl, allowPrivateAddresses } = config
  const issuerKeys = new IssuerKeys({
    allowPrivateAddresses,
    onFailure: ({ issuer }, reason) => log.warn({ issuer, reason }, "an issuer's keys could not be fetched"),
  })
  undo.push(() => issuerKeys.close())
  const webhooks = new WebhookWorker({ db, sealer, snapshots, log, allowPrivateAddresses })
  const onWebhook = (): void => webhooks.wake()
  const exchange = new Exchange({
    db,
    clock,
    sealer,
    snapshots,
    sessions,
    issuerKeys,
    commit,
    baseUrl,
    log,
    onWebhook,
  })

  const app = await createApp({
    log,
    logAnswer,
    metrics: createMetrics(),
    trustProxy: config.trustProxy.length === 0 ? undefined : config.trustProxy,
    readiness: databaseReadiness(db),
  })
  installCors(app, (origin, zoneId) => isRegisteredOrigin(db, origin, zoneId))
  installAdminAuthentication(app, { db, clock, adminTokenHash: config.adminTokenHash })
  const admin = { db, sealer, clock, baseUrl }
  if (config.roles.has('admin')) {
    const equipZone: Parameters<typeof zoneRoutes>[0]['equipZone'] = (tx, zoneId, now) =>
      createSigningKey(tx, sealer, zoneId, now, now)
    await app.register(zoneRoutes({ ...admin, equipZone }))
    await app.register(applicationRoutes(admin))
    await app.register(subjectIssuerRoutes({ ...admin, allowPrivateAddresses }))
    await app.register(resourceRoutes(admin))
    await app.register(grantRoutes(admin))
    await app.register(sessionRoutes(admin))
    await app.register(challengeRoutes(admin))
    await app.register(policyRoutes(admin))
    await app.register(policySetRoutes(admin))
    await app.register(adminTokenRoutes(admin))
    await app.register(settingsRoutes({ ...admin, allowPrivateAddresses }))
    await app.register(signingKeyRoutes(admin))
    await app.register(overviewRoutes(admin))
    await app.register(auditRoutes(admin))
  }
  const onStranger = (stranger: Stranger) => exchange.recordStranger(stranger)
  if (config.roles.has('sts')) {
    await app.register(exchangeRoutes(exchange, new UnderWay({ elsewhere: () => issuerKeys.waiting })))
    await app.register(challengeWaitRoutes({ db, bus }))
    await app.register(mandateRoutes({ db, clock, snapshots, baseUrl, onStranger }))
  }

  if (config.roles.has('pdp')) {
    const point = new DecisionPoint({ db, clock, snapshots, sessions, commit, baseUrl, onStranger })
    await app.register(decisionRoutes(point))
    await app.register(authzenRoutes(point, baseUrl))
  }

  await app.ready()
  await preparing
  const sweeper = new Sweeper({ db, log })
  for (const worker of [webhooks, sweeper]) {
    worker.start()
    undo.push(() => worker.stop())
  }

  const timers = [
    setInterval(resync, CLOCK_SYNC_MS),
    setInterval(() => sessions.writeTouches().catch(onError), MINUTE_MS),
    setInterval(() => exchange.recordSummaries().catch(onError), MINUTE_MS / 4),
  ]
  undo.push(async () => {
    for (const timer of timers) clearInterval(timer)
    await exchange.recordSummaries(true).catch(onError)
    await sessions.writeTouches().catch(onError)
  })
  undo.push(() => app.close())
  return app.listen({ host: config.host, port: config.port })
}

async function prepareDatabase(connection: Connection, db: Db, sealer: Sealer, clock: DatabaseClock): Promise<void> {
  await migrate(connection)
  await requireSealer(db, sealer)
  await clock.sync(db)
}
