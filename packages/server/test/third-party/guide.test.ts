import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { compile, type Snippet, snippetsOf } from '../../../client/test/support/snippets.js'
import type { TestService } from '../support/service.js'
import { admin, adminOk } from '../support/world.js'
import { type Given, given, localService } from './local-service.js'

const GIVEN = `
declare const clientSecret: string
declare const privateKey: CryptoKey
declare const mandate: string
`

let service: TestService
let zone: Given
let guide: Snippet[]
let folder = ''
let complaints = ''

beforeAll(async () => {
  service = await localService()
  zone = await given(service)
  guide = await snippetsOf('docs/third-party-clients.md')
  const compiled = await compile('server', guide, GIVEN)
  folder = compiled.folder
  complaints = compiled.complaints
})
afterAll(async () => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  await rm(folder, { recursive: true, force: true })
  await service.close()
})

test('every snippet of the guide compiles', () => {
  expect(guide.length).toBeGreaterThan(4)
  expect(complaints).toBe('')
})

test('every snippet of the guide runs against a service, and ends in a mandate where it says so', async () => {
  const { application } = zone.world
  const printed: unknown[][] = []
  vi.spyOn(console, 'log').mockImplementation((...line) => void printed.push(line))
  vi.stubGlobal('clientSecret', application.secret)
  vi.stubGlobal('privateKey', zone.byKey.privateKey)
  const stop = proveWhatIsAsked()
  try {
    let done = 0
    for (const { name, extension, code } of guide) {
      const file = join(folder, `${name}.${extension}`)
      vi.stubGlobal('mandate', printed.at(-1)?.[0])
      const id = code.includes('privateKey') ? zone.byKey.id : application.id
      await writeFile(
        file,
        code
          .replaceAll('http://127.0.0.1:8420/zones/ZONE_ID', zone.issuer.href)
          .replaceAll('APPLICATION_ID', id)
          .replaceAll('https://bank.example/payments', 'resource://payments'),
      )
      await import(/* @vite-ignore */ file)
      done += 1
    }
    expect(done).toBe(guide.length)
  } finally {
    await stop()
  }
  const mandates = printed.filter(([text]) => /^ey[\w-]+\.[\w-]+\.[\w-]+$/.test(String(text)))
  expect(mandates).toHaveLength(guide.filter(({ code }) => code.includes('console.log(mandate')).length)
  // The zone's authentication service was asked as often as a mandate was.
  const { items } = await adminOk(service, 'GET', `/v1/zones/${zone.world.zoneId}/step-up-challenges?state=consumed`)
  expect(items).toHaveLength(mandates.length)
})

/** What the people of a zone do meanwhile: see what waits, and prove it. */
function proveWhatIsAsked(): () => Promise<void> {
  let over = false
  const path = `/v1/zones/${zone.world.zoneId}/step-up-challenges?state=pending`
  const working = (async () => {
    while (!over) {
      const { items } = (await admin(service, 'GET', path)).body as { items: { id: string }[] }
      for (const { id } of items) await zone.prove(id)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })()
  return async () => {
    over = true
    await working
  }
}

test('the guide names the packages at versions that the tests run', async () => {
  const text = await readFile(new URL('../../../../docs/third-party-clients.md', import.meta.url), 'utf8')
  for (const name of ['oauth4webapi', 'openid-client', 'jose']) {
    const { version } = JSON.parse(
      await readFile(new URL(`../../../../node_modules/${name}/package.json`, import.meta.url), 'utf8'),
    ) as { version: string }
    expect(text).toContain(`${name} ${version.split('.')[0]}`)
  }
})
