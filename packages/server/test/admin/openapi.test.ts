import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestService, testService } from './support/client.js'

let service: TestService
let document: {
  openapi: string
  paths: {
    [path: string]: {
      [method: string]: {
        summary?: string
        security?: object[]
        requestBody?: { content: { [type: string]: { schema?: object } } }
        responses: { [status: string]: { content?: { [type: string]: { schema?: object } } } }
      }
    }
  }
}

beforeAll(async () => {
  service = await testService()
  document = (await (await fetch(`${service.url}/openapi.json`)).json()) as typeof document
})
afterAll(() => service.close())

const FILE = new URL('../../../../docs/openapi.json', import.meta.url)

// `npm run openapi -w @countersign/server` writes it anew.
test('the checked-in document is what the server generates', async () => {
  if (process.env.WRITE_OPENAPI === '1') await writeFile(FILE, JSON.stringify(document, null, 2))
  expect(JSON.parse(await readFile(FILE, 'utf8'))).toEqual(document)
})

test('it is OpenAPI 3.1, and every route of the administration says what it is and who may', () => {
  expect(document.openapi).toBe('3.1.0')
  for (const [path, methods] of Object.entries(document.paths)) {
    if (!path.startsWith('/v1/')) continue
    for (const [method, { summary, security }] of Object.entries(methods)) {
      expect(summary, `${method} ${path}`).toMatch(/^[A-Z]/)
      if (!path.includes('/decisions/')) expect(security, `${method} ${path}`).toEqual([{ admin: [] }])
    }
  }
})

test('the token and decision endpoints say what they take, what they answer, and who may ask', () => {
  const told = Object.entries(document.paths).filter(([path]) => /\/token$|\/decisions\/|\/access\/v1\//.test(path))
  expect(told.map(([path]) => path).filter((path) => !path.startsWith('/v1'))).toHaveLength(8)
  for (const [path, { post }] of told) {
    const type = path.endsWith('/token') ? 'application/x-www-form-urlencoded' : 'application/json'
    expect(post?.requestBody?.content[type]?.schema, path).toBeDefined()
    expect(post?.responses[200]?.content?.['application/json']?.schema, path).toBeDefined()
    expect(post?.security, path).toContainEqual({ application: [] })
  }
})

test('the neighbours of the token endpoint say what they take and what they answer', () => {
  const told = Object.entries(document.paths).filter(([path]) =>
    /\/oauth\/2\/(introspect|revoke|challenges)|\.well-known\//.test(path),
  )
  expect(told).toHaveLength(11)
  for (const [path, methods] of told) {
    for (const [method, { requestBody, responses }] of Object.entries(methods)) {
      const form = requestBody?.content['application/x-www-form-urlencoded']?.schema
      if (method === 'post') expect(form, path).toBeDefined()
      const answer = responses[path.endsWith('/revoke') ? 'default' : 200]?.content?.['application/json']?.schema
      expect(answer, `${method} ${path}`).toBeDefined()
    }
  }
})

test('its references resolve', () => {
  const text = JSON.stringify(document)
  for (const [, pointer] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const found = String(pointer)
      .split('/')
      .reduce<unknown>((at, key) => (at as { [key: string]: unknown } | undefined)?.[key], document)
    expect(found, pointer).toBeDefined()
  }
})
