import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { stepUpFetch } from '@countersign/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import express from 'express'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { mcpMandates } from '../src/mcp.js'
import { METADATA_URL, mint, mintStrong, verifierOf } from './support/zone.js'

const auth = mcpMandates(verifierOf())
const rules = {
  tools: { balance: { scopes: ['read'] }, transfer: { scopes: ['transfer'], aal: 'aal2', maxAge: 300 } },
} as const

let server: Server
let url = ''
beforeAll(async () => {
  const app = express()
  app.use(auth.metadata)
  const serve: express.RequestHandler = async (request, response) => {
    const mcp = new McpServer({ name: 'bank', version: '1.0.0' })
    for (const tool of ['balance', 'transfer', 'unlisted']) {
      mcp.registerTool(tool, { description: tool }, async (extra) => ({
        content: [{ type: 'text', text: `${tool} of ${auth.mandateOf(extra).subject}` }],
      }))
    }
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
    response.on('close', () => transport.close())
    await mcp.connect(transport as Parameters<typeof mcp.connect>[0])
    await transport.handleRequest(request, response, request.body)
  }
  app.post('/mcp', express.json(), auth.guard(rules), serve)
  app.post('/open', express.json(), auth.guard({ tools: {}, otherTools: {} }), serve)
  app.post(
    '/plain',
    express.json(),
    requireBearerAuth({ verifier: auth.tokenVerifier, resourceMetadataUrl: METADATA_URL }),
    serve,
  )
  server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => new Promise((resolve) => server.close(resolve)))

async function callTool(path: string, tool: string, fetchLike: typeof fetch): Promise<string> {
  const client = new Client({ name: 'agent', version: '1.0.0' })
  const transport = new StreamableHTTPClientTransport(new URL(`${url}${path}`), { fetch: fetchLike })
  await client.connect(transport as Parameters<typeof client.connect>[0])
  try {
    const { content } = await client.callTool({ name: tool, arguments: {} })
    return (content as { text: string }[])[0]?.text ?? ''
  } finally {
    await client.close()
  }
}

const withToken = (token: () => Promise<string>): typeof fetch => {
  const api = stepUpFetch({ token, stepUp: () => Promise.reject(new Error('a step-up was demanded')) })
  return (input, init) => api(String(input), init)
}

const post = async (path: string, body: unknown, token: string, type = 'application/json') => {
  const headers = {
    'content-type': type,
    accept: 'application/json, text/event-stream',
    authorization: `Bearer ${token}`,
  }
  return fetch(`${url}${path}`, {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}
const call = (name: unknown, id = 1) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: {} } })

test('a tool is called with a mandate that covers it, and sees whose it is', async () => {
  expect(
    await callTool(
      '/mcp',
      'balance',
      withToken(() => mint()),
    ),
  ).toBe('balance of alice')
})

test('a tool that needs a step-up demands it over HTTP, and the client’s helper meets it and repeats the call', async () => {
  const demands: unknown[] = []
  const api = stepUpFetch({
    token: () => mint(),
    stepUp: ({ acrValues, maxAge }) => {
      demands.push([acrValues, maxAge])
      return mintStrong()
    },
  })
  expect(await callTool('/mcp', 'transfer', (input, init) => api(String(input), init))).toBe('transfer of alice')
  expect(demands).toEqual([['aal2', 300]])
})

test('a tool that nobody listed is refused, unless the rules say what the others need', async () => {
  expect((await post('/mcp', call('unlisted'), await mintStrong())).status).toBe(403)
  expect(
    await callTool(
      '/open',
      'unlisted',
      withToken(() => mint()),
    ),
  ).toBe('unlisted of alice')
})

test('no shape of a body slips a tool past its rule', async () => {
  const weak = await mint()
  const shapes = [
    call('transfer'),
    [call('balance'), call('transfer', 2)],
    [{ jsonrpc: '2.0', method: 'notifications/initialized' }, call('transfer')],
  ]
  for (const shape of shapes) expect((await post('/mcp', shape, weak)).status).toBe(401)
  for (const name of [
    undefined,
    null,
    7,
    {},
    ['transfer'],
    { toString: 1 },
    '__proto__',
    'constructor',
    'Transfer',
    ' transfer',
  ]) {
    expect((await post('/mcp', call(name), weak)).status).toBe(403)
  }
  for (const type of ['text/plain', 'text/application/json', 'application/json-patch+json']) {
    expect((await post('/mcp', call('transfer'), weak, type)).status).toBe(400)
  }
})

test('any JSON at all is answered without a server error, and never opens a tool without a mandate', async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), async (body) => {
      const outcome = await auth.authorize(undefined, body, rules)
      expect(outcome.ok).toBe(false)
    }),
  )
  const token = await mint()
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), async (body) => {
      await auth.authorize(`Bearer ${token}`, body, rules)
    }),
  )
})

test('without a mandate the answer says where to get one, and the metadata is there', async () => {
  const answer = await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  })
  expect(answer.status).toBe(401)
  expect(answer.headers.get('www-authenticate')).toContain(`resource_metadata="${METADATA_URL}"`)
  expect((await fetch(`${url}/.well-known/oauth-protected-resource/transfers`)).status).toBe(200)
})

test("the SDK's own requireBearerAuth takes the verifier", async () => {
  expect(
    await callTool(
      '/plain',
      'balance',
      withToken(() => mint()),
    ),
  ).toBe('balance of alice')
  const answer = await post('/plain', call('balance'), await mint({ exp: 1 }))
  expect(answer.status).toBe(401)
  expect(await answer.json()).toMatchObject({ error: 'invalid_token' })
})
