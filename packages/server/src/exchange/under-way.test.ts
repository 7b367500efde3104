import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, expect, it } from 'vitest'
import { limitUnderWay } from './under-way.js'

let app: FastifyInstance | undefined
afterEach(() => app?.close())

/** Listens with room for two; who asks is answered when `finish` is called. */
async function serve() {
  const finish: (() => void)[] = []
  const served = fastify()
  app = served
  served.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
  limitUnderWay(served, 2)
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
