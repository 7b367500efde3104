import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { closedLoop } from './closed-loop.js'
import { postBytes } from './http-bytes.js'
import { openLoop } from './open-loop.js'
import { BrokenRun, expectOnly } from './tally.js'

const request = postBytes('/', 'text/plain', 'hello')
let server: Server | undefined

/** Answers one request after another, each after `ms` milliseconds, with the status that `statusOf` says. */
async function serve(ms: number, statusOf: (n: number) => number = () => 200): Promise<{ port: number }> {
  let last = Promise.resolve()
  let n = 0
  server = createServer((_request, reply) => {
    const status = statusOf(n++)
    last = last.then(() => new Promise((resolve) => setTimeout(resolve, ms)))
    void last.then(() =>
      reply.writeHead(status, { 'content-length': 2, ...(status === 503 && { 'retry-after': '1' }) }).end('ok'),
    )
  })
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port }
}

afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

describe('a closed loop', () => {
  it('sends each request once and counts every answer', async () => {
    const target = await serve(0)
    let left = 50
    const result = await closedLoop({
      targets: [target],
      connections: 4,
      ms: 10_000,
      next: () => (left-- > 0 ? request : undefined),
    })
    expect(result.requests).toBe(50)
    expect([...result.statuses]).toEqual([[200, 50]])
  })

  it('hands over every answer with what it answers', async () => {
    const target = await serve(0)
    const requests = Array.from({ length: 8 }, (_, n) => postBytes('/', 'text/plain', String(n)))
    const left = [...requests]
    const seen: Buffer[] = []
    await closedLoop({
      targets: [target],
      connections: 3,
      ms: 10_000,
      next: () => left.shift(),
      onAnswer: ({ body }, asked) => {
        expect(body).toBe('ok')
        seen.push(asked)
      },
    })
    expect(new Set(seen)).toEqual(new Set(requests))
  })

  it('fails when the server hangs up', async () => {
    const target = await serve(10_000)
    const run = closedLoop({ targets: [target], connections: 1, ms: 10_000, next: () => request })
    setTimeout(() => server?.closeAllConnections(), 50)
    await expect(run).rejects.toThrow()
  })
})

describe('an open loop', () => {
  it('sends as many as are due, at their rate', async () => {
    const target = await serve(0)
    const result = await openLoop({ targets: [target], rate: 500, ms: 200, connections: 8, next: () => request })
    expect(result.requests).toBe(100)
    expect(result.seconds).toBeGreaterThan(0.19)
  })

  it('counts the time that requests wait because the server has fallen behind', async () => {
    // One answer every 5 ms, though one is due every 2.5: the last of 40 comes some 100 ms late.
    const target = await serve(5)
    const result = await openLoop({ targets: [target], rate: 400, ms: 100, connections: 1, next: () => request })
    expect(result.requests).toBe(40)
    expect(result.latency.quantile(1)).toBeGreaterThan(80)
  })

  it('keeps refusals apart from answers', async () => {
    const target = await serve(0, (n) => (n % 4 === 0 ? 503 : 200))
    const result = await openLoop({ targets: [target], rate: 400, ms: 100, connections: 4, next: () => request })
    expect(result.latency.total).toBe(30)
    expect(result.refusedLatency.total).toBe(10)
    expect(result.refusedWithRetryAfter).toBe(10)
  })
})

describe('a run whose answers are not what they must be', () => {
  it('is broken', async () => {
    const target = await serve(0, (n) => (n === 7 ? 500 : 200))
    let left = 20
    const result = await closedLoop({
      targets: [target],
      connections: 2,
      ms: 10_000,
      next: () => (left-- > 0 ? request : undefined),
    })
    expect(() => expectOnly('the run', result, 200)).toThrow(new BrokenRun('the run: 1 × 500, where all must be 200'))
  })

  it('is broken when there are none', () => {
    const nothing = { requests: 0, statuses: new Map<number, number>() }
    expect(() => expectOnly('the run', nothing, 200)).toThrow(BrokenRun)
  })
})
