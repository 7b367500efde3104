import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { stepUpDemand, stepUpFetch } from '@countersign/client'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expressMandates } from '../src/express.js'
import { fastifyMandates } from '../src/fastify.js'
import { honoMandates } from '../src/hono.js'
import { ISSUER, METADATA_URL, mint, mintStrong, RESOURCE, verifierOf } from './support/zone.js'

interface Running {
  readonly url: string
  readonly stop: () => Promise<unknown>
}

/** The same little API in each framework: who am I, a transfer that needs it all, and a route somebody forgot to protect. */
const servers: Record<string, () => Promise<Running>> = {
  'Express 5': async () => {
    const app = express()
    const auth = expressMandates(verifierOf())
    app.use((_request, response, next) => {
      response.set('access-control-expose-headers', 'X-Own')
      next()
    })
    app.use(auth.metadata)
    app.get('/me', auth.requireMandate(), (request, response) => {
      response.json({ subject: auth.mandateOf(request).subject })
    })
    app.get(
      '/both',
      auth.requireScope('transfer'),
      auth.requireStepUp({ aal: 'aal2', maxAge: 300 }),
      (request, response) => {
        response.json({ subject: auth.mandateOf(request).subject })
      },
    )
    app.post(
      '/transfers',
      auth.require({ scopes: ['transfer'], aal: 'aal2', maxAge: 300 }),
      express.json(),
      (request, response) => {
        response.json({ from: auth.mandateOf(request).subject, amount: request.body.amount })
      },
    )
    app.get('/forgotten', (request, response) => {
      response.json(auth.mandateOf(request))
    })
    app.use((_error: unknown, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
      response.status(500).json({})
    })
    const server = createServer(app)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      stop: () => new Promise((resolve) => server.close(resolve)),
    }
  },
  'Fastify 5': async () => {
    const app = fastify()
    const auth = fastifyMandates(verifierOf())
    app.addHook('onRequest', async (_request, reply) => {
      reply.header('access-control-expose-headers', 'X-Own')
    })
    await app.register(auth.metadata)
    app.get('/me', { onRequest: auth.requireMandate() }, async (request) => ({
      subject: auth.mandateOf(request).subject,
    }))
    const onRequest = [auth.requireScope('transfer'), auth.requireStepUp({ aal: 'aal2', maxAge: 300 })]
    app.get('/both', { onRequest }, async (request) => ({ subject: auth.mandateOf(request).subject }))
    const all = auth.require({ scopes: ['transfer'], aal: 'aal2', maxAge: 300 })
    app.post<{ Body: { amount: number } }>('/transfers', { onRequest: all }, async (request) => ({
      from: auth.mandateOf(request).subject,
      amount: request.body.amount,
    }))
    app.get('/forgotten', async (request) => auth.mandateOf(request))
    return { url: await app.listen({ port: 0, host: '127.0.0.1' }), stop: () => app.close() }
  },
  Hono: async () => {
    const app = new Hono()
    const auth = honoMandates(verifierOf())
    app.use(async (c, next) => {
      c.header('access-control-expose-headers', 'X-Own')
      await next()
    })
    app.use(auth.metadata)
    app.get('/me', auth.requireMandate(), (c) => c.json({ subject: auth.mandateOf(c).subject }))
    app.get('/both', auth.requireScope('transfer'), auth.requireStepUp({ aal: 'aal2', maxAge: 300 }), (c) =>
      c.json({ subject: auth.mandateOf(c).subject }),
    )
    app.post('/transfers', auth.require({ scopes: ['transfer'], aal: 'aal2', maxAge: 300 }), async (c) =>
      c.json({ from: auth.mandateOf(c).subject, amount: (await c.req.json()).amount }),
    )
    app.get('/forgotten', (c) => c.json(auth.mandateOf(c)))
    app.onError((_error, c) => c.json({}, 500))
    // Hono's own adapter for Node is another package; a request is one fetch call of it.
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      const headers = new Headers()
      for (const [name, value] of Object.entries(request.headers)) headers.set(name, String(value))
      const body = chunks.length > 0 ? { body: Buffer.concat(chunks) } : {}
      const answer = await app.fetch(
        new Request(`http://host${request.url}`, { method: request.method ?? 'GET', headers, ...body }),
      )
      response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(Buffer.from(await answer.arrayBuffer()))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      stop: () => new Promise((resolve) => server.close(resolve)),
    }
  },
}

describe.each(Object.entries(servers))('%s', (_, start) => {
  let running: Running
  beforeAll(async () => {
    running = await start()
  })
  afterAll(() => running?.stop())

  const call = async (path: string, token?: string, init: RequestInit = {}) => {
    const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) }
    const response = await fetch(`${running.url}${path}`, { ...init, headers })
    return { status: response.status, headers: response.headers, body: await response.json(), response }
  }
  const transfer = (token: string) => call('/transfers', token, { method: 'POST', body: '{"amount":100}' })

  test('a mandate opens what needs only one', async () => {
    expect(await call('/me', await mint())).toMatchObject({ status: 200, body: { subject: 'alice' } })
  })

  test('without one the answer says where to get it', async () => {
    const { status, headers } = await call('/me')
    expect(status).toBe(401)
    expect(headers.get('www-authenticate')).toBe(`Bearer resource_metadata="${METADATA_URL}"`)
  })

  test('a missing scope is 403, and somebody who lacks it is not sent to step up', async () => {
    for (const path of ['/both', '/transfers']) {
      const method = path === '/both' ? 'GET' : 'POST'
      const { status, body } = await call(path, await mint({ scope: 'read' }), { method })
      expect({ status, body }).toMatchObject({ status: 403, body: { error: 'insufficient_scope', scope: 'transfer' } })
    }
  })

  test('a weak or old authentication gets the RFC 9470 challenge, readable from other origins, and no way around it', async () => {
    const old = { acr: 'aal2', auth_time: Math.floor(Date.now() / 1000) - 301 }
    for (const claims of [{}, old, { acr: 'aal2', auth_time: undefined }]) {
      const { status, headers, body } = await transfer(await mint(claims))
      expect(status).toBe(401)
      expect(stepUpDemand({ status, headers })).toMatchObject({
        acrValues: 'aal2',
        maxAge: 300,
        resourceMetadata: METADATA_URL,
      })
      expect(body).toMatchObject({ error: 'insufficient_user_authentication', acr_values: 'aal2', max_age: 300 })
      const exposed = headers.get('access-control-expose-headers')?.toLowerCase() ?? ''
      expect(exposed.split(/, */).sort()).toEqual(['www-authenticate', 'x-own'])
      expect(headers.get('cache-control')).toBe('no-store')
    }
  })

  test('a strong and fresh one is let through, body and all', async () => {
    expect(await transfer(await mintStrong())).toMatchObject({ status: 200, body: { from: 'alice', amount: 100 } })
    expect(await call('/both', await mintStrong())).toMatchObject({ status: 200, body: { subject: 'alice' } })
  })

  test('the client’s helper hears the challenge, steps up and repeats the call', async () => {
    const demands: unknown[] = []
    const api = stepUpFetch({
      token: () => mint(),
      stepUp: (demand) => {
        demands.push([demand.acrValues, demand.maxAge])
        return mintStrong()
      },
    })
    const headers = { 'content-type': 'application/json' }
    const answer = await api(`${running.url}/transfers`, { method: 'POST', body: '{"amount":7}', headers })
    expect(await answer.json()).toEqual({ from: 'alice', amount: 7 })
    expect(demands).toEqual([['aal2', 300]])
  })

  test('bad tokens are never a server error', async () => {
    for (const token of ['x', 'a.b.c', `${await mint()}x`, await mint({ exp: 1 }), await mint({ aud: ISSUER })]) {
      expect((await call('/me', token)).status).toBe(401)
    }
  })

  test('metadata is served to everybody, other origins too', async () => {
    const { status, headers, body } = await call('/.well-known/oauth-protected-resource/transfers')
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { resource: RESOURCE, authorization_servers: [ISSUER] },
    })
    expect(headers.get('access-control-allow-origin')).toBe('*')
  })

  test('a handler that no guard protects cannot get at a mandate', async () => {
    expect((await call('/forgotten', await mintStrong()).catch(() => ({ status: 500 }))).status).toBe(500)
  })
})
