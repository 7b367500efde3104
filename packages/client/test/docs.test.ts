import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { compile, examplesOf, type Snippet, snippetsOf } from './support/snippets.js'
import { decision, issued, WireService } from './wire-service.js'

const GIVEN = `
declare const clientSecret: string
declare const idToken: string
declare const userToken: string
declare const sessionMandate: string
declare const mandate: string
declare let session: string
declare function signAssertion(): Promise<string>
declare function showBanner(text: string): void
`

let guide: Snippet[] = []
let folder = ''
let complaints = ''
let service: WireService
beforeAll(async () => {
  service = await WireService.start()
  guide = [...(await snippetsOf('docs/sdk-client.md')), ...(await snippetsOf('packages/client/README.md'))]
  const compiled = await compile('client', guide, GIVEN)
  folder = compiled.folder
  complaints = compiled.complaints
})
afterAll(async () => {
  vi.unstubAllGlobals()
  await rm(folder, { recursive: true, force: true })
  await service.stop()
})

test('every snippet of the guide and the README compiles', () => {
  expect(guide.length).toBeGreaterThan(8)
  expect(complaints).toBe('')
})

test('every snippet of the guide and the README runs', async () => {
  const shown: string[] = []
  const given = {
    clientSecret: 'app-secret',
    idToken: 'id-token',
    session: 'session',
    mandate: 'a.b.c',
    signAssertion: async () => 'assertion',
    showBanner: (text: string) => {
      shown.push(text)
      service.settle(`challenge-${shown.length}`, 'satisfied')
    },
  }
  for (const [name, value] of Object.entries(given)) vi.stubGlobal(name, value)
  vi.spyOn(console, 'log').mockImplementation(() => {})
  let bank = 0
  service.other = () => {
    bank += 1
    const header = 'Bearer error="insufficient_user_authentication", acr_values="aal2"'
    return bank === 1 ? { status: 401, headers: { 'www-authenticate': header }, body: {} } : { body: {} }
  }
  service.decisions = ({ path, json }) => {
    if (path.endsWith('list-resources')) return { body: { data: { resources: [{ type: 'account', id: '42' }] } } }
    const checks = (json as { checks?: unknown[] }).checks
    return { body: { data: checks ? checks.map(() => decision()) : decision() } }
  }
  for (const { name, extension } of guide) {
    const file = join(folder, `${name}.${extension}`)
    const code = (await readFile(file, 'utf8'))
      .replaceAll('https://sts.example', service.url)
      .replace("api('https://bank.example", `api('${service.url}`)
    await writeFile(file, code)
    // A snippet about a step-up meets a service that demands one: of every exchange, or of those that raise a session.
    const demands = code.includes('stepUpFetch')
      ? 'raise'
      : /onChallenge|InteractionRequired/.test(code)
        ? 'all'
        : 'none'
    service.token = ({ form }) => {
      const demanded = demands === 'all' || (demands === 'raise' && form.has('acr_values'))
      return demanded && !form.has('challenge_id') ? service.pause() : issued()
    }
    await import(/* @vite-ignore */ file)
  }
  expect(shown.length).toBeGreaterThan(3)
  expect(bank).toBe(2)
})

test('every example in a doc comment compiles', async () => {
  const examples = await examplesOf('client', {
    'index.ts': '@countersign/client',
    'verify-token/index.ts': '@countersign/client/verify-token',
  })
  expect(examples.length).toBeGreaterThan(8)
  const given = `${GIVEN}
declare const url: string
declare const resource: string
declare const token: string
declare function transfer(): Promise<void>
declare function respond(status: number, body: unknown): void
declare function showVerifyButton(aal: string | null): void
declare function onChallenge(): void
declare const client: import('@countersign/client').OAuthClient
declare const decisions: import('@countersign/client').DecisionClient
declare const query: import('@countersign/client').DecisionQuery
`
  const compiled = await compile('client', examples, given)
  await rm(compiled.folder, { recursive: true })
  expect(compiled.complaints).toBe('')
})
