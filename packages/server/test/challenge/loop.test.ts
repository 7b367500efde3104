import { createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type TestService, testService } from '../support/service.js'
import { adminOk, createWorld, OWNER, read, referencePolicy } from '../support/world.js'
import { listen } from './support.js'

let service: TestService

beforeAll(async () => {
  service = await testService()
})
afterAll(() => service.close())

test('a paused request tells the webhook, is approved where it says, wakes its waiter and goes through', async () => {
  const world = await createWorld(service, { policy: referencePolicy('human_approval') })
  const posted: { headers: IncomingHttpHeaders; body: string }[] = []
  const { server, url } = await listen((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      response.writeHead(204).end()
      posted.push({ headers: request.headers, body: Buffer.concat(chunks).toString() })
    })
  })
  const settings = await adminOk(service, 'PATCH', `/v1/zones/${world.zoneId}/settings`, { webhook: { url } })
  const { secret } = settings.webhook as { secret: string }

  const pause = await world.exchange()
  expect(pause.body).toMatchObject({ error: 'interaction_required', challenge_type: 'human_approval' })
  const { challenge_id: id, challenge_secret: challengeSecret } = pause.body
  const { headers, body } = await vi.waitUntil(() => posted[0], { timeout: 5_000 })
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
  expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', secret).update(signed).digest('base64')}`)
  expect(body).not.toContain(String(challengeSecret))
  const message = JSON.parse(body)
  expect(message).toMatchObject({ type: 'challenge.created', data: { id, request: { scopes: ['transfer'] } } })

  const waiting = fetch(`${service.url}/zones/${world.zoneId}/oauth/2/challenges/${id}?wait=25`, {
    headers: { authorization: `Bearer ${challengeSecret}` },
  }).then(read)
  const path = new URL(message.data.url).pathname
  const owner = await world.token(['approve'], OWNER)
  expect((await world.satisfy(id, owner)).body.code).toBe('self_approval')
  const approver = await world.token(['approve'])
  const approval = await adminOk({ ...service, adminToken: approver }, 'POST', `${path}/satisfy`, {
    reason: 'expected',
  })
  expect(approval).toMatchObject({ id, approvals: { have: 1, need: 1 } })
  expect((await waiting).body).toMatchObject({ id, state: 'satisfied' })

  const retry = { challenge_id: String(id), challenge_response: String(challengeSecret) }
  expect((await world.exchange(retry)).body).toMatchObject({ access_token: expect.any(String) })
  expect(await adminOk(service, 'GET', path)).toMatchObject({ state: 'consumed', consumed_by: expect.any(String) })
  server.close()
})
