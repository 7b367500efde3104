import { expect, it } from 'vitest'
import type { HttpAnswer } from '../http/answer.js'
import { type Room, UnderWay, watchRest } from './under-way.js'

const DONE: HttpAnswer = { status: 200, headers: {}, json: '{}' }

/** Room for two, on a main thread that has time; what is asked is answered when `finish` is called. */
function serve(room: Partial<Room> = {}) {
  const underWay = new UnderWay({ most: 2, restlessMs: () => 0, ...room })
  const finish: (() => void)[] = []
  const ask = () => underWay.answer('mine', () => new Promise((resolve) => finish.push(() => resolve(DONE))))
  return { underWay, ask, finish }
}

it('what is more than a node can answer is told at once to come back', async () => {
  const { ask, finish } = serve()
  const underWay = [ask(), ask()]
  expect(await ask()).toEqual({
    status: 503,
    headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', 'retry-after': '1' },
    json: expect.stringMatching(
      /^\{"error":"temporarily_unavailable","error_description":"[^"]+","requestId":"mine"\}$/,
    ),
  })
  for (const resolve of finish) resolve()
  expect(await Promise.all(underWay)).toEqual([DONE, DONE])
})

it('whoever keeps 64 requests under way and no more is never refused, also without rest', async () => {
  const { ask, finish } = serve({ most: 256, restlessMs: () => 1_000 })
  const underWay = Array.from({ length: 64 }, ask)
  expect(await ask()).toMatchObject({ status: 503 })
  for (const resolve of finish) resolve()
  expect(await Promise.all(underWay)).toEqual(Array.from({ length: 64 }, () => DONE))
})

it('there is room again when somebody has been answered, and when that failed', async () => {
  const { underWay, ask, finish } = serve({ most: 1 })
  const first = ask()
  finish[0]?.()
  await first
  const fail = () => {
    throw new Error('broken')
  }
  await expect(underWay.answer('mine', fail)).rejects.toThrow('broken')
  const second = ask()
  finish[1]?.()
  expect((await second).status).toBe(200)
})

it("whoever waits for somebody else's server takes nobody's place", async () => {
  let elsewhere = 0
  const { ask, finish } = serve({ elsewhere: () => elsewhere })
  const waiting = [ask(), ask()]
  elsewhere = 2
  const others = [ask(), ask()]
  expect((await ask()).status).toBe(503)
  for (const resolve of finish) resolve()
  for (const answer of await Promise.all([...waiting, ...others])) expect(answer.status).toBe(200)
})

it('a burst is taken in, and once the main thread has had no rest for longer than that, fewer are', async () => {
  let restless = 0
  const { ask, finish } = serve({ most: 3, mostWithoutRest: 1, restlessMs: () => restless })
  const underWay = [ask(), ask()]
  restless = 60_000
  expect((await ask()).status).toBe(503)
  // Whoever was let in is answered.
  for (const resolve of finish) resolve()
  for (const answer of await Promise.all(underWay)) expect(answer.status).toBe(200)
  underWay.push(ask())
  expect((await ask()).status).toBe(503)
  restless = 0
  underWay.push(ask())
  for (const resolve of finish) resolve()
  for (const answer of await Promise.all(underWay)) expect(answer.status).toBe(200)
})

it('the longer the main thread has had no rest, the less room there is, until a burst would be over', () => {
  let restless = 0
  const { ask, finish, underWay } = serve({ most: 256, restlessMs: () => restless })
  const roomAfter = (ms: number, underWayThen: number): boolean => {
    restless = ms
    while (finish.length < underWayThen) void ask()
    return underWay.refusal('mine') === undefined
  }
  expect([roomAfter(50, 63), roomAfter(50, 64), roomAfter(1_000, 64)]).toEqual([true, false, false])
  expect([roomAfter(25, 159), roomAfter(25, 160)]).toEqual([true, false])
  expect([roomAfter(0, 255), roomAfter(0, 256)]).toEqual([true, false])
})

it('a main thread that waits has rest, and one that works has none', async () => {
  const restless = watchRest()
  const workUntil = async (end: number): Promise<void> => {
    while (performance.now() < end) {
      restless()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await workUntil(performance.now() + 120)
  expect(restless()).toBeGreaterThan(80)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(restless()).toBeLessThan(20)
})
