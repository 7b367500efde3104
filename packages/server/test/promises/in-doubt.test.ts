import { connect, createServer, type Server, type Socket } from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestService, testService } from '../support/service.js'
import { type Answer, createWorld, type World } from '../support/world.js'
import { claimsOf, ledgerOf, proverToken, query, satisfied } from './support.js'

/** Stands between a node and its database, and can keep the database's answers back and break every connection. */
class Wire {
  muted = false
  readonly #pairs = new Set<readonly [Socket, Socket]>()

  private constructor(
    readonly url: string,
    private readonly server: Server,
  ) {}

  static async to(databaseUrl: string): Promise<Wire> {
    const target = new URL(databaseUrl)
    const directory = target.searchParams.get('host')
    const port = Number(target.port || 5432)
    const server = createServer()
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const address = server.address()
    if (typeof address !== 'object' || address === null) throw new Error('the wire has no address')
    const own = new URL(databaseUrl)
    own.searchParams.delete('host')
    own.hostname = '127.0.0.1'
    own.port = String(address.port)
    const wire = new Wire(own.href, server)
    server.on('connection', (node) => {
      const database = directory === null ? connect(port, target.hostname) : connect(`${directory}/.s.PGSQL.${port}`)
      const pair = [node, database] as const
      wire.#pairs.add(pair)
      node.on('data', (data) => database.write(data))
      database.on('data', (data) => {
        if (!wire.muted) node.write(data)
      })
      for (const end of pair) {
        end.on('error', () => {})
        end.on('close', () => {
          wire.#pairs.delete(pair)
          for (const other of pair) other.destroy()
        })
      }
    })
    return wire
  }

  cut(): void {
    for (const pair of this.#pairs) for (const end of pair) end.destroy()
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise((closed) => this.server.close(closed))
  }
}

let service: TestService
let wire: Wire
let node: TestService
let world: World
let prover: string

beforeAll(async () => {
  service = await testService()
  wire = await Wire.to(service.database.url)
  node = await testService({ beside: service, config: { database: { kind: 'server', url: wire.url } } })
  world = await createWorld(service)
  prover = await proverToken(world)
})
afterAll(async () => {
  await node.close()
  await wire.close()
  await service.close()
})

/** Sends requests to the node behind the wire, and returns with the first of their commits waiting for the zone's lock. */
async function committing(): Promise<{ answers: Promise<Answer[]>; release(): Promise<void> }> {
  const retry = await satisfied(world, prover)
  const form = { resource: undefined, scope: undefined }
  // The first begins the application's session, the second has the node know it: the others need nothing more to read.
  for (let known = 0; known < 2; known++) await world.exchange(form, { url: node.url })
  const holder = new pg.Client({ connectionString: service.database.url, options: '-c search_path=countersign' })
  holder.on('error', () => {})
  await holder.connect()
  await holder.query('BEGIN')
  await holder.query('SELECT FROM zone_heads WHERE zone_id = $1 FOR NO KEY UPDATE', [world.zoneId])
  // The retry reads its challenge first, so the others come once its commit is on its way.
  const sent = [world.exchange(retry, { url: node.url })]
  await until(async () => {
    const { rowCount } = await holder.query(
      `SELECT FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%commit_batch%'`,
    )
    return rowCount === 1
  })
  for (let more = 0; more < 12; more++) sent.push(world.exchange(form, { url: node.url }))
  return {
    answers: Promise.all(sent),
    async release() {
      await holder.query('COMMIT')
      await holder.end()
    },
  }
}

async function recordedOnce(answers: readonly Answer[]): Promise<void> {
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
  const leaves = await ledgerOf(service, world.zoneId)
  for (const answer of answers) {
    const { txn, jti } = claimsOf(answer.body.access_token)
    const own = leaves.filter(({ event }) => event.jti === jti)
    expect(own.map(({ id }) => id)).toEqual([txn])
    expect(answer.body.receipt).toMatchObject({ event_id: txn, leaf_index: own[0]?.index })
  }
}

test('a commit whose answer is lost is found recorded, and its challenge was consumed for this very mandate', async () => {
  const leaves = async (): Promise<number> =>
    Number((await query<{ n: string }>(service, 'SELECT count(*) AS n FROM audit_events'))[0]?.n)
  const { answers, release } = await committing()
  const before = await leaves()
  wire.muted = true
  await release()
  await until(async () => (await leaves()) > before)
  wire.cut()
  wire.muted = false
  await recordedOnce(await answers)
})

test('a commit whose connection breaks before it was made is made once', async () => {
  const { answers, release } = await committing()
  wire.cut()
  await new Promise((resolve) => setTimeout(resolve, 50))
  await release()
  await recordedOnce(await answers)
})

test('a database that says nothing at all keeps nobody longer than 15 seconds', async () => {
  const { answers, release } = await committing()
  wire.muted = true
  const begun = performance.now()
  // Some wait for a commit, some for a read, one only comes when everything waits.
  const more = [world.exchange({}, { url: node.url }), world.exchange({ scope: 'read' }, { url: node.url })]
  const all = [...(await answers), ...(await Promise.all(more))]
  const seconds = (performance.now() - begun) / 1000
  await release()
  wire.cut()
  wire.muted = false
  for (const answer of all) {
    expect(answer).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } })
    expect(answer.headers.get('retry-after')).toBe('1')
  }
  expect(seconds).toBeLessThan(15)
  await until(
    async () => (await world.exchange({ resource: undefined, scope: undefined }, { url: node.url })).status === 200,
  )
})

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('it does not come about')
}
