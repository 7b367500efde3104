import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asUser } from '../promises/issuer.js'
import { type TestService, testService } from '../support/service.js'
import { adminOk, createWorld, type World } from '../support/world.js'

const IDENTIFIER = 'https://bank.example/payments'
const run = promisify(execFile)

interface Block {
  readonly language: string
  readonly text: string
}

let service: TestService
let world: World
let grantId = ''
let blocks: Block[]
let env: Record<string, string>

beforeAll(async () => {
  service = await testService()
  const guide = await readFile(new URL('../../../../docs/decisions.md', import.meta.url), 'utf8')
  blocks = [...guide.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', text = '']) => ({ language, text }))
  const policy = blocks.find(({ language }) => language === 'rego')?.text ?? ''
  // Alice's zone: the guide's policy is its first, so its version is 1.
  world = await createWorld(service, { policy })
  const zone = `/v1/zones/${world.zoneId}`
  await adminOk(service, 'DELETE', `${zone}/grants/${world.grantId}`)
  await adminOk(service, 'DELETE', `${zone}/resources/${world.resourceId}`)
  await adminOk(service, 'POST', `${zone}/resources`, { identifier: IDENTIFIER, scopes: ['read', 'transfer'] })
  const grant = { application_id: world.application.id, resource: IDENTIFIER, scopes: ['read', 'transfer'] }
  grantId = String((await adminOk(service, 'POST', `${zone}/grants`, grant)).id)
  const alice = await asUser(world, { sub: 'alice', sid: 'guide' })
  const session = await world.exchange({ resource: undefined, scope: undefined, ...alice })
  env = {
    PATH: process.env.PATH ?? '',
    URL: service.url,
    ZONE: world.zoneId,
    APPLICATION: world.application.id,
    SECRET: world.application.secret,
    SESSION: String(session.body.access_token),
    ADMIN_TOKEN: service.adminToken,
  }
})
afterAll(() => service.close())

test('every command of the guide runs as it stands and prints what the guide shows', async () => {
  const commands = blocks.filter(({ language }) => language === 'sh')
  expect(commands.length).toBeGreaterThan(7)
  for (const command of commands) {
    const shown = blocks[blocks.indexOf(command) + 1]
    const { stdout } = await run('bash', ['-c', command.text], { env })
    if (shown?.language === 'text') expect(stdout, command.text).toBe(shown.text)
    else
      expect(JSON.parse(stdout.replace(/\bpolicy-\d+:/g, 'bank:')), command.text).toEqual(
        expected(JSON.parse(shown?.text ?? 'null')),
      )
  }
})

test('the pages that lead on exist', async () => {
  const guide = await readFile(new URL('../../../../docs/decisions.md', import.meta.url), 'utf8')
  for (const [, page] of guide.matchAll(/\]\(([\w-]+\.md)\)/g)) {
    await readFile(new URL(`../../../../docs/${page}`, import.meta.url))
  }
})

/** What is different each time stands in capitals. */
function expected(shown: unknown): unknown {
  if (shown === 'DECISION_ID') return expect.stringMatching(/^[0-9a-f-]{36}$/)
  if (shown === 'GRANT_ID') return grantId
  if (Array.isArray(shown)) return shown.map(expected)
  if (typeof shown !== 'object' || shown === null) return shown
  return Object.fromEntries(Object.entries(shown).map(([name, value]) => [name, expected(value)]))
}
