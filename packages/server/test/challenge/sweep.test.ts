import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { newId } from '../../src/store/ids.js'
import { Sweeper } from '../../src/sweep/sweeper.js'
import { ChallengeWorld } from './support.js'

let world: ChallengeWorld
const log = pino({ level: 'silent' })
const HOUR = 3_600_000

beforeAll(async () => {
  world = await ChallengeWorld.open()
})
beforeEach(async () => {
  await sql`TRUNCATE step_up_challenges, challenge_secrets, challenge_proofs, challenge_throttles`.execute(world.db)
})
afterAll(() => world.close())

const sweep = (batch?: number) => new Sweeper({ db: world.db, log, ...(batch !== undefined && { batch }) }).sweep()
const ids = async () =>
  (await world.db.selectFrom('step_up_challenges').select('id').execute()).map((row) => row.id).sort()
const count = async (table: string) => {
  const rows = await sql<{ n: number }>`SELECT count(*) AS n FROM ${sql.table(table)}`.execute(world.db)
  return rows.rows[0]?.n
}

async function prove(challengeId: string): Promise<void> {
  await world.db
    .insertInto('challenge_proofs')
    .values({
      zone_id: world.zoneId,
      challenge_id: challengeId,
      owner_key: 'x',
      approver: 'admin:x',
      owner: '{"kind":"user","id":"x"}',
      method: 'approval',
      aal: null,
      reason: null,
      at: new Date(),
    })
    .execute()
}

test('a challenge goes a day after it ended, with its secrets and proofs, and not before', async () => {
  const old = await world.challenge({ ttlMs: -24 * HOUR - 1_000 })
  const recent = await world.challenge({ ttlMs: -24 * HOUR + 60_000 })
  const live = await world.challenge()
  for (const { id } of [old, recent, live]) await prove(id)
  expect(await sweep()).toBe(true)
  expect(await ids()).toEqual([recent.id, live.id].sort())
  expect([await count('challenge_secrets'), await count('challenge_proofs')]).toEqual([2, 2])
})

test('a chain goes as a whole, and only when its last part has ended', async () => {
  const ended = { ttlMs: -48 * HOUR, satisfied: true }
  const standing = await world.challenge(ended)
  const last = await world.challenge({ predecessorId: standing.id })
  const first = await world.challenge(ended)
  const second = await world.challenge({ ...ended, predecessorId: first.id })
  await world.challenge({ ttlMs: -25 * HOUR, predecessorId: second.id })
  await sweep()
  expect(await ids()).toEqual([standing.id, last.id].sort())
  expect(await count('challenge_secrets')).toBe(2)
})

test('a backlog larger than a batch is worked off, in every zone', async () => {
  const other = newId(Date.now())
  await world.zone(other)
  for (let i = 0; i < 25; i++) await world.challenge({ ttlMs: -48 * HOUR, zoneId: i % 2 ? other : world.zoneId })
  await sweep(4)
  expect(await ids()).toEqual([])
})

test('values, recoveries, answers, revocations and spent throttles go when their time is over', async () => {
  const at = (ms: number) => new Date(Date.now() + ms)
  const { db, zoneId } = world
  for (const ms of [-1_000, 60_000]) {
    await db
      .insertInto('once_values')
      .values({ zone_id: zoneId, kind: 'assertion', key: randomBytes(32), expires_at: at(ms) })
      .execute()
    await db
      .insertInto('recoveries')
      .values({
        zone_id: zoneId,
        application_id: newId(0),
        key_hash: randomBytes(32),
        binding_hash: randomBytes(32),
        event_id: newId(0),
        challenge_id: null,
        claims: '{}',
        expires_at: at(ms),
      })
      .execute()
    await db
      .insertInto('admin_answers')
      .values({
        actor: 'admin:x',
        key_hash: randomBytes(32),
        request_hash: randomBytes(32),
        answer_sealed: randomBytes(8),
        created_at: at(ms - 24 * HOUR),
      })
      .execute()
    await sql`INSERT INTO revoked_mandates (zone_id, jti, expires_at) VALUES (${zoneId}, ${newId(Date.now())}, ${at(ms)})`.execute(
      db,
    )
  }
  const throttles: [string, string[], Date | null][] = [
    ['spent', ['-121 seconds'], null],
    ['over', [], at(-1_000)],
    ['counting', ['-121 seconds', '-60 seconds'], null],
    ['blocked', [], at(60_000)],
  ]
  for (const [principal, failures, blockedUntil] of throttles) {
    await sql`INSERT INTO challenge_throttles (zone_id, application_id, principal_id, failures, blocked_until)
      VALUES (${zoneId}, ${world.applicationId}, ${principal},
        ARRAY(SELECT countersign.now() + f::interval FROM unnest(${failures}::text[]) f), ${blockedUntil})`.execute(db)
  }
  await sweep()
  for (const table of ['once_values', 'recoveries', 'admin_answers', 'revoked_mandates']) {
    expect([table, await count(table)]).toEqual([table, 1])
  }
  const left = await db.selectFrom('challenge_throttles').select('principal_id').orderBy('principal_id').execute()
  expect(left.map((row) => row.principal_id)).toEqual(['blocked', 'counting'])
})

test('a zone keeps its last 1,000 revisions of changes', async () => {
  await sql`UPDATE zone_heads SET revision = 1500 WHERE zone_id = ${world.zoneId}`.execute(world.db)
  await sql`INSERT INTO zone_changes (zone_id, revision, kind, id)
    SELECT ${world.zoneId}, n, 'zone', 'x' FROM generate_series(2, 1500) n`.execute(world.db)
  await sweep(100)
  const rows = await sql<{
    n: number
    first: number
  }>`SELECT count(*) AS n, min(revision) AS first FROM zone_changes`.execute(world.db)
  expect(rows.rows[0]).toEqual({ n: 1000, first: 501 })
})

test('one node sweeps at a time', async () => {
  await world.db.connection().execute(async (other) => {
    await sql`SELECT pg_advisory_lock(hashtextextended('countersign sweep', 0))`.execute(other)
    expect(await sweep()).toBe(false)
    await sql`SELECT pg_advisory_unlock(hashtextextended('countersign sweep', 0))`.execute(other)
  })
  expect(await sweep()).toBe(true)
})

test('started, it sweeps by itself; stopped, it does not', async () => {
  const sweeper = new Sweeper({ db: world.db, log, everyMs: 20 })
  sweeper.start()
  await world.challenge({ ttlMs: -48 * HOUR })
  for (let i = 0; i < 100 && (await ids()).length > 0; i++) await delay(20)
  expect(await ids()).toEqual([])
  await sweeper.stop()
  const { id } = await world.challenge({ ttlMs: -48 * HOUR })
  await delay(100)
  expect(await ids()).toEqual([id])
})
