import pino from 'pino'
import { expect, test } from 'vitest'
import { openDatabase } from '../../src/store/database.js'
import { Sweeper } from '../../src/sweep/sweeper.js'
import { paused, proverToken, query, satisfied } from '../promises/support.js'
import { type TestService, testService } from '../support/service.js'
import { admin, createWorld, type World } from '../support/world.js'

// A database that has not counted its rows thinks of each index that it may well be the right one, and of each condition that it
// leaves next to nothing. Plans that are made then, while there is next to nothing, are kept.

const OTHERS = 5_000
// PostgreSQL counts when there are fifty.
const FEW = 60
const ASKED = 5
const SESSION = { resource: undefined, scope: undefined }

/** How many rows of a table were read so far. */
async function rowsRead(service: TestService, table: string): Promise<number> {
  const [row] = await query<{ read: number }>(
    service,
    `SELECT seq_tup_read + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes i WHERE i.relid = t.relid)::float8 AS read
     FROM pg_stat_user_tables t WHERE relname = $1`,
    [table],
  )
  return row?.read ?? Number.NaN
}

// Backends tell what they have read a second later at the earliest, when they are asked for something more.
const settle = () => new Promise((resolve) => setTimeout(resolve, 1_500))

/** How many rows of each table are read while something is asked several times. */
async function readsOf(
  service: TestService,
  tables: readonly string[],
  ask: () => Promise<unknown>,
): Promise<number[]> {
  const read = () => Promise.all(tables.map((table) => rowsRead(service, table)))
  await settle()
  await ask()
  await settle()
  const before = await read()
  for (let n = 0; n < ASKED; n++) await ask()
  await settle()
  await ask()
  await settle()
  return (await read()).map((rows, n) => rows - (before[n] ?? Number.NaN))
}

let lifetime = 100
/** A request that no challenge is bound to yet. */
const another = () => ({ ttl_seconds: String(lifetime++) })

/** As many sessions as a busy zone has, of subjects of their own. */
async function addSessions({ service, zoneId }: World, count = OTHERS): Promise<void> {
  await query(
    service,
    `INSERT INTO sessions (zone_id, id, kind, issuer, subject, subject_key, application_id, key_hash, created_at,
       expires_at, last_used_at)
     SELECT zone_id, gen_random_uuid(), kind, issuer, subject || n, subject_key || n, application_id, sha256(random()::text::bytea),
       created_at, expires_at, last_used_at
     FROM (SELECT * FROM sessions WHERE zone_id = $1 LIMIT 1) one, generate_series(1, $2) n`,
    [zoneId, count],
  )
}

/** Challenges as the given one, each bound to something else: of others or of the same, made and expiring so much earlier. */
async function addChallenges(
  { service }: World,
  id: string,
  { age = '0', ofOthers = true, count = OTHERS } = {},
): Promise<void> {
  await query(
    service,
    `INSERT INTO step_up_challenges (zone_id, id, session_id, principal_id, application_id, challenge_type,
       demand, requesters, requester_applications, request_json, binding_hash, created_at, expires_at)
     SELECT zone_id, gen_random_uuid(), session_id, principal_id || CASE WHEN $3 THEN n::text ELSE '' END, application_id,
       challenge_type, demand, requesters, requester_applications, request_json, sha256(random()::text::bytea),
       created_at - $4::interval, expires_at - $4::interval
     FROM step_up_challenges, generate_series(1, $2) n WHERE id = $1`,
    [id, count, ofOthers, age],
  )
}

test('challenges that have expired cost a new one nothing', async () => {
  const service = await testService()
  try {
    const world = await createWorld(service)
    const { challenge_id: id } = await paused(world, another())
    await addChallenges(world, id, { age: '9 h', ofOthers: false })
    const [rows] = await readsOf(service, ['step_up_challenges'], () => paused(world, another()))
    expect(rows).toBeLessThan(OTHERS)
  } finally {
    await service.close()
  }
})

test.each([
  ['has counted nothing', 'SELECT'],
  ['counted while there were a few', 'ANALYZE'],
])(
  "nothing reads others' sessions and challenges, on a store that %s",
  async (_store, count) => {
    const service = await testService()
    const { db } = openDatabase({ url: service.database.url }, 1)
    try {
      const world = await createWorld(service)
      const prover = await proverToken(world)
      const { zoneId, application } = world
      const basic = Buffer.from(`${application.id}:${application.secret}`).toString('base64')
      const path = `/v1/zones/${zoneId}`

      const exchange = async () => expect((await world.exchange(SESSION)).status).toBe(200)
      const pauseTwice = async () => {
        const request = another()
        const { challenge_id: id } = await paused(world, request)
        expect((await paused(world, request)).challenge_id).toBe(id)
      }
      const retry = async () => {
        const request = another()
        const answer = await world.exchange({ ...request, ...(await satisfied(world, prover, request)) })
        expect(answer.status).toBe(200)
      }
      const decide = async () => {
        const answer = await fetch(`${service.url}${path}/decisions/check`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Basic ${basic}` },
          body: JSON.stringify({ subject: { type: 'application', id: application.id }, permission: 'look' }),
        })
        expect(await answer.json()).toMatchObject({ data: { aal_source: 'session' } })
      }
      const reject = async () => {
        const { challenge_id: id } = await paused(world, another())
        const answer = await admin(
          { url: service.url, adminToken: prover },
          'POST',
          `${path}/step-up-challenges/${id}/reject`,
          {},
        )
        expect(answer.status).toBe(200)
      }
      const sweep = async () => {
        const { challenge_id: id } = await paused(world, another())
        await query(service, "UPDATE step_up_challenges SET expires_at = now() - interval '2 d' WHERE id = $1", [id])
        // The service sweeps too now and then, and one of them at a time.
        await expect.poll(() => new Sweeper({ db, log: pino({ level: 'silent' }) }).sweep()).toBe(true)
        expect(await query(service, 'SELECT FROM step_up_challenges WHERE id = $1', [id])).toHaveLength(0)
      }
      const asks = { exchange, pauseTwice, retry, decide, reject, sweep }

      await exchange()
      const { challenge_id: id } = await paused(world, another())
      await addSessions(world, FEW)
      await addChallenges(world, id, { count: FEW })
      await query(service, count)
      for (const ask of Object.values(asks)) await ask()
      await addSessions(world)
      await addChallenges(world, id)
      for (const [name, ask] of Object.entries(asks)) {
        const [sessions, challenges] = await readsOf(service, ['sessions', 'step_up_challenges'], ask)
        expect(sessions, `sessions read for ${name}`).toBeLessThan(OTHERS)
        expect(challenges, `challenges read for ${name}`).toBeLessThan(OTHERS)
      }
    } finally {
      await db.destroy()
      await service.close()
    }
  },
  120_000,
)

test("others' sessions cost an exchange nothing, also when the database counted them while they were next to none", async () => {
  const service = await testService()
  try {
    const [world, neighbour] = [await createWorld(service), await createWorld(service)]
    const exchange = async () => expect((await neighbour.exchange(SESSION)).status).toBe(200)
    for (const one of [world, neighbour]) expect((await one.exchange(SESSION)).status).toBe(200)
    await query(service, 'VACUUM (FULL, ANALYZE) sessions')
    await exchange()
    await addSessions(neighbour)
    const [rows] = await readsOf(service, ['sessions'], exchange)
    expect(rows).toBeLessThan(OTHERS)
  } finally {
    await service.close()
  }
})
