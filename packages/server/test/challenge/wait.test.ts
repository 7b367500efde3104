import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { newSecret } from '../../src/challenge/secrets.js'
import { newId } from '../../src/store/ids.js'
import { BOOTSTRAP, ChallengeWorld, call, type TestNode } from './support.js'

let world: ChallengeWorld
let one: TestNode
let two: TestNode
const extra: TestNode[] = []

beforeAll(async () => {
  world = await ChallengeWorld.open()
  one = await world.node()
  two = await world.node()
})
afterEach(async () => {
  for (const node of extra.splice(0)) await node.close()
})
afterAll(() => world.close())

const wait = (node: TestNode, challenge: { id: string; secret: string }, seconds?: number, signal?: AbortSignal) =>
  call(`${node.url}${world.waitPath(challenge.id, seconds)}`, {
    bearer: challenge.secret,
    ...(signal !== undefined && { signal }),
  })
const satisfy = async (node: TestNode, id: string) => {
  const { token } = await world.token(['approve'])
  return call(`${node.url}${world.path(id)}/satisfy`, { bearer: token, body: {} })
}
const limited = async (limits: { perChallenge: number; perApplication: number; total: number }) => {
  const node = await world.node(limits)
  extra.push(node)
  return node
}

test('without a wait the state is answered at once', async () => {
  const challenge = await world.challenge()
  const answer = await wait(one, challenge)
  expect(answer.status).toBe(200)
  expect(answer.body).toEqual({ id: challenge.id, state: 'pending', expires_at: expect.stringMatching(/Z$/) })
  expect(answer.headers.get('cache-control')).toBe('no-store')
})

test('a waiter on another node hears of the decision within 100 ms', async () => {
  const latencies: number[] = []
  for (let round = 0; round < 10; round++) {
    const challenge = await world.challenge()
    const waiting = wait(two, challenge, 20).then((answer) => ({ answer, at: performance.now() }))
    await delay(100)
    await satisfy(one, challenge.id)
    const decided = performance.now()
    const { answer, at } = await waiting
    expect(answer.body.state).toBe('satisfied')
    latencies.push(at - decided)
  }
  latencies.sort((a, b) => a - b)
  expect(latencies[5]).toBeLessThan(100)
})

test('every joiner hears, each by a secret of their own', async () => {
  const challenge = await world.challenge()
  const joiner = { id: challenge.id, secret: await world.secret(challenge.id) }
  const waiting = [wait(one, challenge, 20), wait(two, joiner, 20)]
  await delay(100)
  await call(`${one.url}${world.path(challenge.id)}/reject`, { bearer: BOOTSTRAP, body: { reason: 'no' } })
  for (const answer of await Promise.all(waiting)) expect(answer.body.state).toBe('rejected')
})

test('the end of the patience answers what holds then, without any news', async () => {
  const challenge = await world.challenge()
  const waiting = wait(one, challenge, 1)
  await delay(200)
  // No news is sent for a change made this way.
  await world.db
    .updateTable('step_up_challenges')
    .set({ satisfied_at: new Date() })
    .where('id', '=', challenge.id)
    .execute()
  const answer = await waiting
  expect(answer.body.state).toBe('satisfied')
  expect(answer.ms).toBeGreaterThan(900)
  expect((await wait(one, await world.challenge(), 1)).body.state).toBe('pending')
})

test('a gap in the news makes waiters look for themselves', async () => {
  const challenge = await world.challenge()
  const waiting = wait(one, challenge, 20)
  await delay(200)
  await world.db
    .updateTable('step_up_challenges')
    .set({ satisfied_at: new Date() })
    .where('id', '=', challenge.id)
    .execute()
  await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN countersign' AND datname = current_database()`.execute(
    world.db,
  )
  const answer = await waiting
  expect(answer.body.state).toBe('satisfied')
  expect(answer.ms).toBeLessThan(5_000)
})

test('a waiter hears of the expiry when it comes', async () => {
  const challenge = await world.challenge({ ttlMs: 700 })
  const answer = await wait(one, challenge, 20)
  expect(answer.body.state).toBe('expired')
  expect(answer.ms).toBeLessThan(3_000)
})

test('an unknown id, a wrong secret, a foreign zone and no id are the same 404, and count for nothing', async () => {
  const challenge = await world.challenge()
  const other = await world.challenge()
  const otherZone = newId(Date.now())
  await world.zone(otherZone)
  const wrong = newSecret().secret
  const urls = [
    [world.waitPath(newId(Date.now())), challenge.secret],
    [world.waitPath(challenge.id), wrong],
    [world.waitPath(challenge.id), other.secret],
    [`/zones/${otherZone}/oauth/2/challenges/${challenge.id}`, challenge.secret],
    [world.waitPath('x'), challenge.secret],
    [`/zones/x/oauth/2/challenges/${challenge.id}`, challenge.secret],
  ] as const
  for (const method of ['GET', 'DELETE']) {
    const answers = await Promise.all(urls.map(([path, bearer]) => call(`${one.url}${path}`, { bearer, method })))
    expect(answers.map((answer) => answer.status)).toEqual(urls.map(() => 404))
    expect(new Set(answers.map(({ body }) => JSON.stringify({ ...body, requestId: '' }))).size).toBe(1)
    expect(answers.every((answer) => answer.body.requestId)).toBe(true)
  }
  expect(await world.db.selectFrom('challenge_throttles').selectAll().execute()).toEqual([])
  expect((await wait(one, challenge)).body.state).toBe('pending')
})

test('without a bearer it is 401, and a wait that is no number of seconds is 400', async () => {
  const challenge = await world.challenge()
  expect((await call(`${one.url}${world.waitPath(challenge.id)}`)).status).toBe(401)
  for (const text of ['61', '-1', '1.5', 'x', '1e9', '']) {
    const answer = await call(`${one.url}${world.waitPath(challenge.id)}?wait=${text}`, { bearer: challenge.secret })
    expect([text, answer.status, answer.body.error]).toEqual([text, 400, 'invalid_request'])
  }
})

test('the fifth waiter of a challenge has the oldest answered', async () => {
  const challenge = await world.challenge()
  const waiting = []
  for (let i = 0; i < 5; i++) {
    waiting.push(wait(one, challenge, 10))
    await delay(60)
  }
  const oldest = await Promise.race(waiting.map((answer, index) => answer.then(() => index)))
  expect(oldest).toBe(0)
  expect((await waiting[0])?.body.state).toBe('pending')
  await satisfy(two, challenge.id)
  const rest = await Promise.all(waiting.slice(1))
  expect(rest.map((answer) => answer.body.state)).toEqual(Array(4).fill('satisfied'))
})

test('an application that waits too often is told to slow down, others are not', async () => {
  const node = await limited({ perChallenge: 4, perApplication: 2, total: 100 })
  const mine = [await world.challenge(), await world.challenge(), await world.challenge()] as const
  const gone = new AbortController()
  const waiting = [wait(node, mine[0], 20, gone.signal), wait(node, mine[1], 20)]
  await delay(150)
  const refused = await wait(node, mine[2], 5)
  expect([refused.status, refused.body.error]).toEqual([429, 'slow_down'])
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  const otherApplication = newId(Date.now())
  await world.application(otherApplication, null)
  const others = await world.challenge({ applicationId: otherApplication })
  const elsewhere = wait(node, others, 1)
  expect((await elsewhere).status).toBe(200)
  // A client that leaves frees its place.
  gone.abort()
  await expect(waiting[0]).rejects.toThrow()
  await delay(100)
  expect((await wait(node, mine[2], 1)).status).toBe(200)
  await satisfy(one, mine[1].id)
  await waiting[1]
})

test('a node that is full says so', async () => {
  const node = await limited({ perChallenge: 4, perApplication: 100, total: 1 })
  const first = await world.challenge()
  const waiting = wait(node, first, 20)
  await delay(150)
  const refused = await wait(node, await world.challenge(), 5)
  expect([refused.status, refused.body.error]).toEqual([503, 'temporarily_unavailable'])
  await satisfy(one, first.id)
  await waiting
})

test('a drain answers all who wait, at once', async () => {
  const node = await world.node()
  const answers = Array.from({ length: 20 }, () => world.challenge().then((challenge) => wait(node, challenge, 30)))
  await delay(400)
  const began = performance.now()
  await node.close()
  for (const answer of await Promise.all(answers)) expect(answer.body.state).toBe('pending')
  expect(performance.now() - began).toBeLessThan(2_000)
})

test('1,000 waiters cost no queries while they wait, and few when all are woken', async () => {
  const node = await limited({ perChallenge: 4, perApplication: 1_000, total: 4_000 })
  const challenges = await Promise.all(Array.from({ length: 250 }, () => world.challenge()))
  const answers = challenges.flatMap((challenge) => Array.from({ length: 4 }, () => wait(node, challenge, 60)))
  // Each looks once as it comes; when all have, it is quiet.
  let before: number
  do {
    before = node.queries()
    await delay(1_000)
  } while (before < 250 || node.queries() !== before)
  await delay(500)
  expect(node.queries() - before).toBe(0)
  const ids = challenges.map((challenge) => challenge.id)
  await world.db.updateTable('step_up_challenges').set({ satisfied_at: new Date() }).where('id', 'in', ids).execute()
  const woken = node.queries()
  await sql`SELECT pg_notify('countersign', ${JSON.stringify({ topic: 'clock', zoneId: '', id: '' })})`.execute(
    world.db,
  )
  const states = await Promise.all(answers)
  expect(states.every((answer) => answer.body.state === 'satisfied')).toBe(true)
  expect(node.queries() - woken).toBeLessThan(10)
})

test('cancelling rejects the challenge and wakes who waits', async () => {
  const challenge = await world.challenge()
  const waiting = wait(two, challenge, 20)
  await delay(100)
  const answer = await call(`${one.url}${world.waitPath(challenge.id)}`, { bearer: challenge.secret, method: 'DELETE' })
  expect(answer.body).toMatchObject({ id: challenge.id, state: 'rejected' })
  expect((await waiting).body.state).toBe('rejected')
  const again = await call(`${one.url}${world.waitPath(challenge.id)}`, { bearer: challenge.secret, method: 'DELETE' })
  expect([again.status, again.body.state]).toEqual([200, 'rejected'])
  const events = (await world.events()).filter((event) => event.challenge_id === challenge.id)
  expect(events).toMatchObject([{ type: 'challenge.cancelled', actor: `application:${world.applicationId}` }])
})

test('when the application or the zone is gone, nobody waits for its challenges', async () => {
  const gone = newId(Date.now())
  await world.application(gone, null)
  const challenge = await world.challenge({ applicationId: gone })
  expect((await wait(one, challenge)).status).toBe(200)
  await world.db.updateTable('applications').set({ deleted_at: new Date() }).where('id', '=', gone).execute()
  expect((await wait(one, challenge)).status).toBe(404)
  const standing = await world.challenge()
  const zone = (deleted_at: Date | null) =>
    world.db.updateTable('zones').set({ deleted_at }).where('id', '=', world.zoneId).execute()
  await zone(new Date())
  expect((await wait(one, standing)).status).toBe(404)
  await zone(null)
  expect((await wait(one, standing)).status).toBe(200)
})

test("only pages of the application's own origins may wait and cancel", async () => {
  const own = 'https://one.registered.example'
  await world.db
    .updateTable('applications')
    .set({ origins: [own] })
    .where('id', '=', world.applicationId)
    .execute()
  const { id, secret } = await world.challenge()
  const url = `${one.url}${world.waitPath(id)}`
  const allowed = async (origin: string, method: string) =>
    (await call(url, { bearer: secret, method, origin })).headers.get('access-control-allow-origin')
  for (const method of ['GET', 'DELETE']) {
    expect(await allowed(own, method)).toBe(own)
    expect(await allowed('https://two.registered.example', method)).toBeNull()
    expect(await allowed('https://elsewhere.example', method)).toBeNull()
  }
  const preflight = await call(url, { method: 'OPTIONS', origin: own })
  expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, own])
  expect(preflight.headers.get('access-control-allow-methods')).toContain('DELETE')
})
