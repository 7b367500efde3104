import { createHash } from 'node:crypto'
import pg from 'pg'
import { expect } from 'vitest'
import type { TestService } from '../support/service.js'
import { type Answer, createWorld, referencePolicy, type World } from '../support/world.js'
import {
  databaseProcesses,
  databaseUrl,
  type Home,
  killAll,
  makeHome,
  removeHome,
  type ServiceProcess,
  startProcess,
} from './process.js'
import { claimsOf, furtherApplication, MFA, proverToken, type Retry } from './support.js'

/** One client's way from a request to its mandate, as far as the client knows. */
interface Flow {
  readonly world: World
  readonly retry: Retry
  /** Sent with the retry by every other client. */
  readonly key: string | undefined
  /** Whether the answer to the proof arrived: only then does the client know that it is in. */
  proved: boolean
}

/** A mandate that a client holds. */
interface Received {
  readonly challengeId: string
  readonly jti: string
  readonly txn: string
}

/** What is killed: the service alone, the service with its database, or the database under its service. */
const CRASHES = ['service', 'service and database', 'database'] as const

const CLIENTS = 12

/** What a drill did, for whoever reads its output. */
export interface DrillReport {
  readonly kills: number
  readonly mandates: number
  /** Flows that a crash caught between two answers, and that were brought to their end afterwards. */
  readonly interrupted: number
  /** Of these, mandates that were recorded and never arrived, and came with the Idempotency-Key. */
  readonly recovered: number
  readonly slowestStartMs: number
}

/**
 * Kills a service on its embedded database again and again under load, and after each time holds what is stored against
 * what the clients saw. `random` gives the moments.
 */
export async function drill(kills: number, random: () => number = Math.random): Promise<DrillReport> {
  const home = await makeHome()
  let service = await startProcess(home)
  try {
    const received: Received[] = []
    const report = { kills, mandates: 0, interrupted: 0, recovered: 0, slowestStartMs: 0 }
    const worlds = await prepare(service)
    const prover = await proverToken(worlds[0] as World)
    for (let kill = 0; kill < kills; kill++) {
      const crash = CRASHES[kill % CRASHES.length] as (typeof CRASHES)[number]
      const load = startLoad(worlds, prover, received)
      await sleep(150 + random() * 850)
      const alive = await strike(crash, home, service, random)
      const flows = await load.stop()
      if (!alive) service = await startProcess(home)
      report.slowestStartMs = Math.max(report.slowestStartMs, service.startedInMs)
      await ready(service)
      await verify(home, received)
      report.interrupted += flows.length
      for (const flow of flows) report.recovered += await finish(flow, prover, received)
      await verify(home, received)
    }
    report.mandates = received.length
    expect(await service.stop()).toBe(0)
    expect(await databaseProcesses(home)).toEqual([])
    return report
  } finally {
    await service.kill()
    await removeHome(home)
  }
}

/** A world of one zone, and an application for each client. */
async function prepare(service: ServiceProcess): Promise<World[]> {
  // Nothing of a world asks for more than where the service is.
  const world = await createWorld(service as unknown as TestService, { policy: referencePolicy() })
  return Promise.all(Array.from({ length: CLIENTS }, () => furtherApplication(world)))
}

/** @returns whether the service still runs */
async function strike(
  crash: (typeof CRASHES)[number],
  home: Home,
  service: ServiceProcess,
  random: () => number,
): Promise<boolean> {
  const database = crash === 'service' ? [] : await databaseProcesses(home)
  if (crash !== 'service') expect(database.length).toBeGreaterThan(0)
  if (crash === 'database') killAll(database)
  else if (random() < 0.5) {
    const dead = service.kill()
    killAll(database)
    await dead
  } else {
    killAll(database)
    await service.kill()
  }
  return crash === 'database'
}

function startLoad(worlds: readonly World[], prover: string, received: Received[]) {
  let stopping = false
  const caught: Flow[] = []
  const clients = worlds.map(async (world, client) => {
    while (!stopping) {
      const asked = await attempt(() => world.exchange())
      if (asked?.status !== 401) break
      const { challenge_id, challenge_secret } = asked.body
      const flow: Flow = {
        world,
        retry: { challenge_id: String(challenge_id), challenge_response: String(challenge_secret) },
        key: client % 2 === 0 ? `${challenge_id}-key` : undefined,
        proved: false,
      }
      caught.push(flow)
      const proved = await attempt(() => world.satisfy(flow.retry.challenge_id, prover, MFA))
      if (proved?.status !== 200) break
      flow.proved = true
      const answer = await attempt(() => retry(flow))
      if (answer?.status !== 200) break
      receive(flow, answer, received)
      caught.splice(caught.indexOf(flow), 1)
    }
  })
  return {
    async stop(): Promise<Flow[]> {
      stopping = true
      await Promise.all(clients)
      return caught
    },
  }
}

/** An answer, or nothing when the connection broke. A service that cannot decide says so: 503 and nothing else. */
async function attempt(request: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    const answer = await request()
    if (answer.status >= 500) expect(answer.status, JSON.stringify(answer.body)).toBe(503)
    return answer
  } catch (error) {
    if (error instanceof TypeError || error instanceof SyntaxError) return undefined
    throw error
  }
}

function retry({ world, retry, key }: Flow): Promise<Answer> {
  return world.exchange(retry, key === undefined ? {} : { headers: { 'idempotency-key': key } })
}

function receive(flow: Flow, answer: Answer, received: Received[]): void {
  const { jti, txn } = claimsOf(answer.body.access_token)
  received.push({ challengeId: flow.retry.challenge_id, jti: String(jti), txn: String(txn) })
}

/**
 * Brings an interrupted flow to its end, as its client would.
 *
 * @returns 1 when the mandate had been recorded before the crash and came now, else 0
 */
async function finish(flow: Flow, prover: string, received: Received[]): Promise<0 | 1> {
  const { world, key } = flow
  const proof = await world.satisfy(flow.retry.challenge_id, prover, MFA)
  // A proof whose answer arrived is in; one whose answer did not may be.
  expect(flow.proved ? [404] : [200, 404]).toContain(proof.status)
  const before = performance.timeOrigin + performance.now()
  const answer = await retry(flow)
  if (answer.status === 200) {
    receive(flow, answer, received)
    const recovered = Number(claimsOf(answer.body.access_token).iat) * 1000 < before - 1_000
    return key !== undefined && recovered ? 1 : 0
  }
  // Used before the crash, with an answer that was lost: without a key there is no way back to it.
  expect(key).toBeUndefined()
  expect(answer).toMatchObject({ status: 401, body: { error: 'access_denied' } })
  return 0
}

/** The service decides and records, without anybody having repaired anything. */
async function ready(service: ServiceProcess): Promise<void> {
  for (let tries = 0; ; tries++) {
    const answer = await fetch(`${service.url}/readyz`)
    await answer.arrayBuffer()
    if (answer.status === 200) return
    expect(answer.status).toBe(503)
    if (tries === 300) throw new Error('the service does not become ready')
    await sleep(50)
  }
}

/** Holds the store against itself and against what clients received. */
async function verify(home: Home, received: readonly Received[]): Promise<void> {
  const client = new pg.Client({ connectionString: await databaseUrl(home), options: '-c search_path=countersign' })
  await client.connect()
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    const read = async <Row>(text: string): Promise<Row[]> => (await client.query(text)).rows as Row[]
    const zones = await read<{ zone_id: string; tree_size: string }>('SELECT zone_id, tree_size FROM zone_heads')
    const leaves = await read<{ zone_id: string; leaf_index: string; id: string; leaf_hash: Buffer; event: string }>(
      'SELECT zone_id, leaf_index, id, leaf_hash, event FROM audit_events ORDER BY zone_id, leaf_index',
    )
    const consumed = await read<{ id: string; consumed_by: string | null; satisfied_at: Date | null }>(
      'SELECT id, consumed_by, satisfied_at FROM step_up_challenges WHERE consumed_at IS NOT NULL',
    )
    const consumedBy = new Map(consumed.map((row) => [row.id, row.consumed_by]))

    for (const zone of zones) {
      const own = leaves.filter(({ zone_id }) => zone_id === zone.zone_id)
      expect(Number(zone.tree_size)).toBe(own.length)
      own.forEach((leaf, index) => {
        if (Number(leaf.leaf_index) !== index) throw new Error(`there is a gap before leaf ${leaf.leaf_index}`)
        const hash = createHash('sha256').update('\0').update(leaf.event).digest()
        if (!leaf.leaf_hash.equals(hash)) throw new Error(`leaf ${index} is not what its hash says`)
      })
    }

    const events = new Map(leaves.map(({ id, event }) => [id, JSON.parse(event) as Record<string, unknown>]))
    const used = new Set<string>()
    for (const [id, event] of events) {
      if (event.outcome !== 'issued' || event.recovers !== undefined) continue
      for (const challengeId of (event.challenge_ids as string[] | undefined) ?? []) {
        if (consumedBy.get(challengeId) !== id) throw new Error(`${challengeId} is not consumed by its mandate's event`)
        if (used.has(challengeId)) throw new Error(`${challengeId} was consumed twice`)
        used.add(challengeId)
      }
    }
    for (const { id, satisfied_at: satisfiedAt } of consumed) {
      if (!used.has(id)) throw new Error(`${id} is consumed without its mandate's event`)
      if (satisfiedAt === null) throw new Error(`${id} is consumed and was never satisfied`)
    }
    for (const { challengeId, jti, txn } of received) {
      const event = events.get(txn)
      if (event?.outcome !== 'issued' || event.jti !== jti) throw new Error(`mandate ${jti} is not in the ledger`)
      if (consumedBy.get(challengeId) !== txn) throw new Error(`mandate ${jti} has not consumed its challenge`)
    }
  } finally {
    await client.end()
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
