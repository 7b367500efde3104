import { beforeAll, expect, test } from 'vitest'
import { build } from '../../client/test/support/build.js'
import { bundleFor, publintProblems, typesProblems } from '../../client/test/support/package-checks.js'

beforeAll(() => build('verify'))

test('publint finds nothing', async () => {
  expect(await publintProblems('verify')).toEqual([])
})

test('the types resolve for every entry and resolution', async () => {
  expect(await typesProblems('verify')).toEqual([])
})

test('an adapter brings no other framework along', async () => {
  const frameworks = [/^express/, /^fastify/, /^hono/, /^@modelcontextprotocol/]
  for (const entry of ['', '/express', '/fastify', '/hono']) {
    const { code, gzip } = await bundleFor(`export * from '@countersign/verify${entry}'`, 'verify', frameworks)
    expect(code).not.toMatch(/from ?["'](express|fastify|hono|@modelcontextprotocol)/)
    console.log(`@countersign/verify${entry}: ${gzip} bytes min+gzip`)
    expect(gzip).toBeLessThan(8_000)
  }
  const mcp = await bundleFor("export * from '@countersign/verify/mcp'", 'verify', frameworks)
  expect(mcp.code).not.toMatch(/from ?["'](express|fastify|hono)/)
})
