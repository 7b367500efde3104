import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestService, testService } from '../support/service.js'
import { createWorld, type World } from '../support/world.js'
import { claimsOf, ledgerOf, proverToken, satisfied } from './support.js'

let service: TestService
let closing: TestService
let world: World

beforeAll(async () => {
  service = await testService()
  closing = await testService({ beside: service })
  world = await createWorld(service)
})
afterAll(() => service.close())

test('requests under way while the service stops are answered and recorded; after it none are taken', async () => {
  const prover = await proverToken(world)
  const retry = await satisfied(world, prover)
  const form = { resource: undefined, scope: undefined }
  await world.exchange(form, { url: closing.url })

  // Whoever holds the zone's lock keeps every commit of the zone waiting.
  const holder = new pg.Client({ connectionString: service.database.url, options: '-c search_path=countersign' })
  await holder.connect()
  await holder.query('BEGIN')
  await holder.query('SELECT FROM zone_heads WHERE zone_id = $1 FOR NO KEY UPDATE', [world.zoneId])
  const underWay = Array.from({ length: 24 }, () => world.exchange(form, { url: closing.url }))
  underWay.push(world.exchange(retry, { url: closing.url }))
  await until(async () => (await waiting(holder)) > 0)
  // The others wait behind the one that waits for the lock.
  await new Promise((resolve) => setTimeout(resolve, 200))

  let stopped = false
  const closed = closing.close().then(() => {
    stopped = true
  })
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(stopped).toBe(false)
  await holder.query('COMMIT')
  await holder.end()

  const answers = await Promise.all(underWay)
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
  await closed
  const recorded = new Set((await ledgerOf(service, world.zoneId)).map(({ id }) => id))
  for (const { body } of answers) expect(recorded).toContain(claimsOf(body.access_token).txn)
  await expect(world.exchange(form, { url: closing.url })).rejects.toThrow(TypeError)
})

async function waiting(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ count: string }>(
    `SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%commit_batch%'`,
  )
  return Number(rows[0]?.count)
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('it does not come about')
}
