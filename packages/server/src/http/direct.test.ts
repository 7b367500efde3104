import { request as send } from 'node:http'
import { connect } from 'node:net'
import { PassThrough } from 'node:stream'
import { pino } from 'pino'
import { afterEach, expect, it } from 'vitest'
import { type HttpAnswer, NO_STORE, sendAnswer } from './answer.js'
import { type App, createApp } from './app.js'
import { installCors } from './cors.js'
import type { DirectRequest, DirectRoute } from './direct.js'
import { JSON_MEDIA_TYPE } from './json.js'
import { createMetrics } from './metrics.js'

const ZONE = '0198c8f8-0198-7198-8198-0198c8f80198'
const JSON_HEADERS = { 'content-type': JSON_MEDIA_TYPE }

let app: App | undefined
afterEach(() => app?.close())

interface Given {
  readonly trustProxy?: readonly string[]
  readonly direct?: Partial<DirectRoute>
}

/** An app with one route, which says who answered; what it logged is in `lines`. */
async function serve({ trustProxy, direct }: Given = {}) {
  const stream = new PassThrough()
  const lines: { [member: string]: unknown }[] = []
  stream.on('data', (chunk: Buffer) => {
    for (const line of String(chunk).trim().split('\n')) lines.push(JSON.parse(line))
  })
  const metrics = createMetrics()
  const served = await createApp({ log: pino(stream), metrics, readiness: [], trustProxy })
  app = served
  installCors(served, async () => true)
  const said = (by: string, { id, ip, zoneId }: Pick<DirectRequest, 'id' | 'ip' | 'zoneId'>, body: unknown) =>
    ({ status: 200, headers: NO_STORE, json: JSON.stringify({ by, id, ip, zoneId, body }) }) satisfies HttpAnswer
  const route: DirectRoute = {
    types: [JSON_MEDIA_TYPE],
    answer: async (request) => said('direct', request, JSON.parse(request.body.toString('utf8'))),
    failed: (error, requestId, log) => {
      log.error({ type: error instanceof Error ? error.name : typeof error }, 'failed')
      return { status: 500, headers: NO_STORE, json: JSON.stringify({ requestId }) }
    },
    ...direct,
  }
  served.post('/zones/:zone_id/ask', { config: { cors: true, direct: route } }, async (request, reply) => {
    const { zone_id: zoneId } = request.params as { zone_id: string }
    return sendAnswer(reply, said('fastify', { id: request.id, ip: request.ip, zoneId }, request.body))
  })
  const url = await served.listen({ host: '127.0.0.1', port: 0 })
  const ask = async (headers: Record<string, string>, body: BodyInit = '{}', path = `/zones/${ZONE}/ask`) => {
    const response = await fetch(`${url}${path}`, { method: 'POST', headers, body, duplex: 'half' } as RequestInit)
    return { response, said: (await response.json()) as Record<string, unknown> }
  }
  return { url, ask, lines, metrics }
}

it('an ordinary request is answered directly, with its zone, its address and its body', async () => {
  const { ask } = await serve()
  const { response, said } = await ask({ ...JSON_HEADERS, 'x-request-id': 'mine' }, '{"a":1}')
  expect(said).toEqual({ by: 'direct', id: 'mine', ip: '127.0.0.1', zoneId: ZONE, body: { a: 1 } })
  expect(response.headers.get('x-request-id')).toBe('mine')
})

it('a body that arrives in pieces is one', async () => {
  const { url } = await serve()
  const body = JSON.stringify({ text: 'ö'.repeat(1000) })
  const answer = await new Promise<string>((resolve, reject) => {
    const headers = { ...JSON_HEADERS, 'content-length': Buffer.byteLength(body) }
    const request = send(`${url}/zones/${ZONE}/ask`, { method: 'POST', headers }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk
      })
      response.on('end', () => resolve(text))
    })
    request.on('error', reject)
    const bytes = Buffer.from(body)
    request.write(bytes.subarray(0, 12))
    setTimeout(() => request.write(bytes.subarray(12, 101)), 30)
    setTimeout(() => request.end(bytes.subarray(101)), 60)
  })
  expect(JSON.parse(answer)).toMatchObject({ by: 'direct', body: JSON.parse(body) })
})

it('whoever there is no room for is told so before the body comes, and the connection goes on after it', async () => {
  let room = false
  const refused: HttpAnswer = { status: 503, headers: NO_STORE, json: '{"by":"refusal"}' }
  const { url, lines } = await serve({ direct: { refusal: () => (room ? undefined : refused) } })
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk
  })
  const head = `POST /zones/${ZONE}/ask HTTP/1.1\r\nhost: x\r\ncontent-type: ${JSON_MEDIA_TYPE}\r\ncontent-length: 2\r\n\r\n`
  socket.write(head)
  await expect.poll(() => text).toContain('{"by":"refusal"}')
  room = true
  socket.write(`{}${head}{}`)
  await expect.poll(() => text).toContain('"by":"direct"')
  socket.destroy()
  expect(lines.filter(({ msg }) => msg === 'answered').map(({ status }) => status)).toEqual([503, 200])
})

const stream = () => new Blob(['{}']).stream()

it.each<[string, Record<string, string>, ((() => BodyInit) | undefined)?, (string | undefined)?]>([
  ['from a browser', { ...JSON_HEADERS, origin: 'https://app.example' }],
  ['whose media type has a parameter', { 'content-type': `${JSON_MEDIA_TYPE}; charset=utf-8` }],
  ['whose body is encoded', { ...JSON_HEADERS, 'content-encoding': 'identity' }],
  ['whose body has no stated length', JSON_HEADERS, stream],
  ['whose body is large', JSON_HEADERS, () => JSON.stringify('x'.repeat(64 * 1024))],
  ['with a query', JSON_HEADERS, undefined, `/zones/${ZONE}/ask?a=1`],
  ['whose zone is no id', JSON_HEADERS, undefined, `/zones/${'x'.repeat(36)}/ask`],
  ['whose zone is of another length', JSON_HEADERS, undefined, '/zones/1/ask'],
])('a request %s is left to Fastify', async (_what, headers, body, path) => {
  const { ask } = await serve()
  const { said } = await ask(headers, body?.(), path)
  expect(said.by).toBe('fastify')
})

it('both answer with the same headers, log the same members and count the same', async () => {
  const { ask, lines, metrics } = await serve()
  const direct = await ask(JSON_HEADERS)
  const full = await ask({ 'content-type': `${JSON_MEDIA_TYPE}; charset=utf-8` })
  expect([direct.said.by, full.said.by]).toEqual(['direct', 'fastify'])
  const own = new Set(['date', 'x-request-id', 'content-length'])
  const headersOf = (response: Response) =>
    Object.fromEntries([...response.headers].map(([name, value]) => [name, own.has(name) ? '' : value]))
  expect(headersOf(direct.response)).toEqual(headersOf(full.response))
  await expect.poll(() => lines.filter(({ msg }) => msg === 'answered')).toHaveLength(2)
  const [a, b] = lines.filter(({ msg }) => msg === 'answered')
  expect(Object.keys(a ?? {})).toEqual(Object.keys(b ?? {}))
  expect(a).toMatchObject({ reqId: direct.said.id, method: 'POST', route: '/zones/:zone_id/ask', status: 200 })
  expect(await metrics.metrics()).toContain('route="/zones/:zone_id/ask",status="200"} 2')
})

it('only a proxy that is trusted says where a request comes from', async () => {
  for (const headers of [JSON_HEADERS, { 'content-type': `${JSON_MEDIA_TYPE}; charset=utf-8` }]) {
    const forwarded = { ...headers, 'x-forwarded-for': '203.0.113.7' }
    const open = await serve()
    expect((await open.ask(forwarded)).said.ip).toBe('127.0.0.1')
    await app?.close()
    const trusting = await serve({ trustProxy: ['127.0.0.1'] })
    expect((await trusting.ask(forwarded)).said.ip).toBe('203.0.113.7')
    await app?.close()
  }
})

it.each([
  [
    'at once',
    () => {
      throw new TypeError('broken')
    },
  ],
  [
    'later',
    async () => {
      throw new TypeError('broken')
    },
  ],
])('what is thrown %s is answered by the route, and logged with the id of the request', async (_when, answer) => {
  const { ask, lines } = await serve({ direct: { answer: answer as DirectRoute['answer'] } })
  const { response, said } = await ask({ ...JSON_HEADERS, 'x-request-id': 'broken-1' })
  expect([response.status, said]).toEqual([500, { requestId: 'broken-1' }])
  expect(lines.find(({ msg }) => msg === 'failed')).toMatchObject({ reqId: 'broken-1', type: 'TypeError' })
})

it('what a connection sent before it was reset comes from its address all the same', async () => {
  const seen: string[] = []
  const answer: DirectRoute['answer'] = async ({ ip }) => {
    seen.push(ip)
    return { status: 200, headers: NO_STORE, json: '{}' }
  }
  const { url } = await serve({ direct: { answer } })
  for (let n = 0; n < 10; n++) {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    await new Promise((resolve) => socket.once('connect', resolve))
    await new Promise((resolve) => setTimeout(resolve, 20))
    socket.write(
      `POST /zones/${ZONE}/ask HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
    )
    socket.resetAndDestroy()
  }
  await expect.poll(() => seen.length).toBeGreaterThan(0)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(new Set(seen)).toEqual(new Set(['127.0.0.1']))
})

it('a request whose client leaves before its answer is not counted as answered', async () => {
  const { lines, url } = await serve({ direct: { answer: () => new Promise(() => {}) } })
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write(
    `POST /zones/${ZONE}/ask HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n`,
  )
  await new Promise((resolve) => setTimeout(resolve, 50))
  socket.destroy()
  await expect.poll(() => lines.find(({ msg }) => msg === 'answered')).toMatchObject({ status: 499 })
})

it('an answer given while the service stops is the last on its connection', async () => {
  let finish: (() => void) | undefined
  const answer = () =>
    new Promise<HttpAnswer>((resolve) => {
      finish = () => resolve({ status: 200, headers: NO_STORE, json: '{}' })
    })
  const { ask } = await serve({ direct: { answer } })
  const asked = ask(JSON_HEADERS)
  await expect.poll(() => finish).toBeDefined()
  const closing = app?.close()
  await new Promise((resolve) => setTimeout(resolve, 50))
  finish?.()
  expect((await asked).response.headers.get('connection')).toBe('close')
  await closing
  app = undefined
})

it('a route without CORS is not answered directly', async () => {
  app = await createApp({ log: pino({ level: 'silent' }), metrics: createMetrics(), readiness: [] })
  const direct: DirectRoute = {
    types: [JSON_MEDIA_TYPE],
    answer: async () => ({ status: 200, headers: NO_STORE, json: '{}' }),
    failed: () => ({ status: 500, headers: NO_STORE, json: '{}' }),
  }
  expect(() => app?.post('/ask', { config: { direct } }, async () => ({}))).toThrow('has no CORS')
})
