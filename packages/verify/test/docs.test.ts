import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { compile, examplesOf, type Snippet, snippetsOf } from '../../client/test/support/snippets.js'
import { verifierOf } from './support/zone.js'

const GIVEN = `
declare const verifier: import('@countersign/verify').MandateVerifier
declare const clientSecret: string
declare const feed: { on(type: 'revoked' | 'heartbeat', listener: (event: { sessionId: string }) => void): void }
`

let snippets: Snippet[] = []
let folder = ''
let complaints = ''
beforeAll(async () => {
  snippets = [...(await snippetsOf('docs/sdk-verify.md')), ...(await snippetsOf('packages/verify/README.md'))]
  const compiled = await compile('verify', snippets, GIVEN)
  folder = compiled.folder
  complaints = compiled.complaints
})
afterAll(async () => {
  vi.unstubAllGlobals()
  await rm(folder, { recursive: true, force: true })
})

test('every snippet of the guide and the README compiles', () => {
  expect(snippets.length).toBeGreaterThan(7)
  expect(complaints).toBe('')
})

test('every snippet of the guide and the README runs', async () => {
  vi.stubGlobal('verifier', verifierOf())
  vi.stubGlobal('clientSecret', 'api-secret')
  vi.stubGlobal('feed', { on: () => {} })
  const found: Record<string, unknown>[] = []
  for (const { name, extension } of snippets) {
    found.push(await import(/* @vite-ignore */ join(folder, `${name}.${extension}`)))
  }
  const { handler } = Object.assign({}, ...found) as { handler: (request: Request) => Promise<Response> }
  const answer = await handler(new Request('https://bank.example/transfers'))
  expect(answer.status).toBe(401)
  expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer resource_metadata=/)
})

test('every example in a doc comment compiles', async () => {
  const entries = ['express', 'fastify', 'hono', 'mcp'].map((name) => [`${name}.ts`, `@countersign/verify/${name}`])
  const examples = await examplesOf('verify', { 'index.ts': '@countersign/verify', ...Object.fromEntries(entries) })
  expect(examples.length).toBeGreaterThan(6)
  const given = `${GIVEN}
declare const request: Request
declare function respond(status: number, headers: object, body: object): void
declare const issuer: string
declare const resource: string
declare const applicationId: string
`
  // The frameworks' apps are what an example's own name says, so each gets its own.
  const apps = {
    express:
      "import express from 'express'\nconst app = express()\ndeclare const transport: { handleRequest(req: unknown, res: unknown, body: unknown): Promise<void> }\n",
    fastify: "import fastify from 'fastify'\nconst app = fastify()\n",
    hono: "import { Hono } from 'hono'\nconst app = new Hono()\n",
  }
  const prepared = examples.map((example) => {
    const framework = example.name.startsWith('mcp') ? 'express' : example.name.split('-')[0]
    const preamble = framework && framework in apps ? apps[framework as keyof typeof apps] : ''
    return { ...example, code: `${preamble}${example.code}` }
  })
  const compiled = await compile('verify', prepared, given)
  await rm(compiled.folder, { recursive: true })
  expect(compiled.complaints).toBe('')
})
