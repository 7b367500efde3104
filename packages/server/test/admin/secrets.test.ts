import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Client, newToken, newZone, type TestService, testService } from './support/client.js'

let service: TestService
let zone: Client

beforeAll(async () => {
  service = await testService()
  zone = await newZone(service)
})
afterAll(() => service.close())

/** Everything that the service has written: its log, and every row of every table as text. */
async function everything(): Promise<string> {
  const database = new pg.Client({ connectionString: service.database.url, options: '-c search_path=countersign' })
  await database.connect()
  const { rows: tables } = await database.query("SELECT tablename FROM pg_tables WHERE schemaname = 'countersign'")
  const texts = [service.logged.join('')]
  for (const { tablename } of tables) {
    const { rows } = await database.query(`SELECT row_to_json(t)::text AS row FROM ${tablename} t`)
    texts.push(...rows.map(({ row }) => row))
  }
  await database.end()
  return texts.join('\n')
}

const forms = (secret: string) => [
  secret,
  Buffer.from(secret).toString('hex'),
  ...[0, 1, 2].map((shift) =>
    Buffer.from(' '.repeat(shift) + secret)
      .toString('base64')
      .slice(4, -4),
  ),
]

test('no secret that the administration made, took or refused is in its log or its database', async () => {
  const secrets: string[] = [service.adminToken]
  const keep = (secret: unknown) => void secrets.push(String(secret))
  const once = { headers: { 'idempotency-key': randomUUID() } }

  const app = await zone.ok('POST', '/applications', { name: 'a', auth_method: 'client_secret' }, once)
  await zone.ok('POST', '/applications', { name: 'a', auth_method: 'client_secret' }, once)
  keep(app.client_secret)
  keep((await zone.ok('POST', `/applications/${app.id}/rotate-secret`)).client_secret)
  keep(
    (
      await zone.ok(
        'POST',
        '/admin-tokens',
        { name: 't', capabilities: ['read'] },
        { headers: { 'idempotency-key': randomUUID() } },
      )
    ).token,
  )
  keep(await newToken(service, { capabilities: ['read'] }))
  const hook = await zone.ok('PATCH', '/settings', { webhook: { url: 'https://hooks.example' } })
  keep((hook.webhook as { secret: string }).secret)

  const given = () => randomBytes(24).toString('base64url')
  const [hookSecret, credential, stray, header, query] = [given(), given(), given(), given(), given()]
  secrets.push(hookSecret, credential, stray, header, query)
  await zone.ok('PATCH', '/settings', { webhook: { url: 'https://hooks.example', secret: hookSecret } })
  const upstream = { url: 'https://api.example', credential }
  await zone.ok('POST', '/resources', { identifier: 'resource://r', scopes: ['a'], upstream })
  // In the wrong place: a body, a token and a query that are refused.
  expect((await zone.send('POST', '/applications', { [stray]: stray })).status).toBe(400)
  expect((await zone.send('GET', '/applications', undefined, { token: header })).status).toBe(401)
  expect((await zone.send('GET', `/applications?${query}=${query}`)).status).toBe(400)
  expect((await zone.send('GET', `/applications/${query}`)).status).toBe(404)

  const written = await everything()
  expect(written).toContain('application.created')
  expect(written).toContain('/v1/zones/:zone_id/applications')
  for (const secret of secrets) for (const form of forms(secret)) expect(written.includes(form), form).toBe(false)
})
