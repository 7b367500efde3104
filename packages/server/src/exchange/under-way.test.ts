import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, expect, it } from 'vitest'
import type { App } from '../http/app.js'
import { installCors } from '../http/cors.js'
import { limitUnderWay, type Room, UnderWay, watchRest } from './under-way.js'

let app: FastifyInstance | undefined
afterEach(() => app?.close())

/** Listens with room for two, on a main thread that has time; who asks is answered when `finish` is called. */
async function serve(room: Partial<Room> = {}) {
  const finish: (() => void)[] = []
  const served = fastify()
  app = served
  served.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
  served.addHook('onRequest', limitUnderWay(new UnderWay({ most: 2, restlessMs: () => 0, ...room })))
  served.post('/', async () => {
    await new Promise<void>((resolve) => finish.push(resolve))
    return { ok: true }
  })
  const url = await served.listen({ host: '127.0.0.1', port: 0 })
  const ask = (signal?: AbortSignal) => fetch(url, { method: 'POST', ...(signal === undefined ? {} : { signal }) })
  const waiting = (count: number) => expect.poll(() => finish.length).toBe(count)
  return { ask, finish, waiting }
}

it('what is more than a node can answer is told at once to come back', async () => {
  const { ask, finish, waiting } = await serve()
  const underWay = [ask(), ask()]
  await waiting(2)
  const refused = await ask()
  expect(refused.status).toBe(503)
  expect(refused.headers.get('retry-after')).toBe('1')
  expect(refused.headers.get('cache-control')).toBe('no-store')
  expect(await refused.json()).toEqual({
    error: 'temporarily_unavailable',
    error_description: expect.any(String),
    requestId: refused.headers.get('x-request-id'),
  })
  for (const resolve of finish) resolve()
  for (const answer of await Promise.all(underWay)) expect(answer.status).toBe(200)
})

it('there is room again when somebody has been answered', async () => {
  const { ask, finish, waiting } = await serve()
  const first = [ask(), ask()]
  await waiting(2)
  for (const resolve of finish) resolve()
  await Promise.all(first.map(async (answer) => (await answer).text()))
  const next = ask()
  await waiting(3)
  finish[2]?.()
  expect((await next).status).toBe(200)
})

it('there is room again when somebody has left', async () => {
  const { ask, finish, waiting } = await serve()
  const leaving = new AbortController()
  const left = [ask(leaving.signal), ask(leaving.signal)]
  await waiting(2)
  leaving.abort()
  await Promise.allSettled(left)
  await expect
    .poll(async () => {
      const asked = ask()
      // Refused at once, or under way.
      const answer = await Promise.race([asked, new Promise<undefined>((resolve) => setTimeout(resolve, 200))])
      if (answer === undefined) for (const resolve of finish) resolve()
      return (await asked).status
    })
    .toBe(200)
})

it('a burst is taken in, and once the main thread has had no rest for longer than that, fewer are', async () => {
  let restless = 0
  const { ask, finish, waiting } = await serve({ most: 3, mostWithoutRest: 1, restlessMs: () => restless })
  const underWay = [ask(), ask()]
  await waiting(2)
  restless = 60_000
  expect((await ask()).status).toBe(503)
  // Whoever was let in is answered.
  for (const resolve of finish) resolve()
  for (const answer of await Promise.all(underWay)) expect(answer.status).toBe(200)
  underWay.push(ask())
  await waiting(3)
  expect((await ask()).status).toBe(503)
  restless = 0
  underWay.push(ask())
  await waiting(4)
  for (const resolve of finish) resolve()
  for (const answer of await Promise.all(underWay)) expect(answer.status).toBe(200)
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

it('a refusal tells browsers of registered origins as much as any answer', async () => {
  const served = fastify()
  app = served
  installCors(served as unknown as App, async (origin) => origin === 'https://app.example')
  const onRequest = limitUnderWay(new UnderWay({ most: 0 }))
  served.post('/', { config: { cors: true }, onRequest }, async () => ({ ok: true }))
  const url = await served.listen({ host: '127.0.0.1', port: 0 })
  const allowed = async (origin: string) => {
    const refused = await fetch(url, { method: 'POST', headers: { origin } })
    expect(refused.status).toBe(503)
    return refused.headers.get('access-control-allow-origin')
  }
  expect(await allowed('https://app.example')).toBe('https://app.example')
  expect(await allowed('https://other.example')).toBeNull()
})
