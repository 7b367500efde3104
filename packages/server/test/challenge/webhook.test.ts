import { createHmac, randomBytes } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { sealWebhookSecret } from '../../src/authority/settings/webhook-secret.js'
import { Snapshots } from '../../src/authority/snapshot.js'
import { deliver } from '../../src/challenge/webhook/deliver.js'
import { challengeWebhookPayload } from '../../src/challenge/webhook/payload.js'
import { webhookHeaders } from '../../src/challenge/webhook/signature.js'
import { retryDelay, WebhookWorker } from '../../src/challenge/webhook/worker.js'
import type { NewChallenge } from '../../src/commit/item.js'
import { GuardedAgent } from '../../src/outbound/guarded-agent.js'
import { newId } from '../../src/store/ids.js'
import { createSealer } from '../../src/store/seal.js'
import { ALICE, ChallengeWorld, listen } from './support.js'

const sealer = createSealer(Buffer.alloc(32, 7))
const SECRET = `whsec_${randomBytes(32).toString('base64')}`

let world: ChallengeWorld
let workers: WebhookWorker[] = []
let servers: Server[] = []

beforeAll(async () => {
  world = await ChallengeWorld.open()
})
beforeEach(async () => {
  await world.db.deleteFrom('webhook_outbox').execute()
})
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop()))
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
  workers = []
  servers = []
})
afterAll(() => world.close())

interface Received {
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A receiver that answers what `answer` says, and remembers. */
async function receiver(answer: (response: ServerResponse, count: number) => void) {
  const received: Received[] = []
  const { server, url } = await listen((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      received.push({ headers: request.headers, body })
      answer(response, received.length)
    })
  })
  servers.push(server)
  return { received, url }
}

const ok = (response: ServerResponse) => response.writeHead(204).end()

async function zoneWith(url: string | null): Promise<string> {
  const zoneId = newId(Date.now())
  await world.zone(zoneId)
  const settings = url === null ? {} : { webhook: { url, secret_sealed: sealWebhookSecret(sealer, zoneId, SECRET) } }
  await world.db
    .updateTable('zones')
    .set({ settings: JSON.stringify(settings) })
    .where('id', '=', zoneId)
    .execute()
  return zoneId
}

async function put(zoneId: string, payload = '{"type":"challenge.created"}'): Promise<string> {
  const id = newId(Date.now())
  const at = new Date(await world.now())
  await world.db
    .insertInto('webhook_outbox')
    .values({ zone_id: zoneId, id, payload, next_attempt_at: at, created_at: at })
    .execute()
  return id
}

function work(options: { allowPrivateAddresses?: boolean } = {}): WebhookWorker {
  const worker = new WebhookWorker({
    db: world.db,
    sealer,
    snapshots: new Snapshots(world.db),
    log: pino({ level: 'silent' }),
    allowPrivateAddresses: options.allowPrivateAddresses ?? true,
    random: () => 0.5,
  })
  workers.push(worker)
  worker.start()
  return worker
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 8_000
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('it did not come to pass')
    await delay(20)
  }
}
const outbox = () => world.db.selectFrom('webhook_outbox').selectAll().execute()

function expectSigned({ headers, body }: Received): void {
  const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64')
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
  expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`)
}

test('a new challenge is told once, signed, and leaves the outbox', async () => {
  const { received, url } = await receiver(ok)
  const id = await put(await zoneWith(url))
  work()
  await until(async () => (await outbox()).length === 0)
  expect(received).toHaveLength(1)
  const [message] = received
  if (message === undefined) throw new Error('nothing came')
  expect(message.headers['webhook-id']).toBe(id)
  expect(Math.abs(Number(message.headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(5)
  expectSigned(message)
})

test('the example of the Standard Webhooks specification signs as it should', () => {
  const headers = webhookHeaders('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', {
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    timestamp: 1614265330,
    body: '{"test": 2432232314}',
  })
  expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
})

test('the payload shows what is asked and holds no secret', () => {
  const secretHash = randomBytes(32)
  const challenge: NewChallenge = {
    id: newId(0),
    sessionId: newId(0),
    principalId: 'alice',
    applicationId: newId(0),
    type: 'mfa',
    demand: { aal: 'aal2' },
    proverSubject: ALICE,
    requesters: [],
    requesterApplications: [],
    requestJson: '{"scopes":["transfer"]}',
    bindingHash: randomBytes(32),
    chain: [],
    createdAt: 0,
    expiresAt: 300_000,
    secretHash,
    webhookPayload: null,
  }
  const payload = challengeWebhookPayload(challenge, {
    zoneId: world.zoneId,
    applicationName: 'Payments agent',
    baseUrl: 'https://auth.example',
    now: 0,
  })
  expect(JSON.parse(payload)).toMatchObject({
    type: 'challenge.created',
    timestamp: '1970-01-01T00:00:00.000Z',
    data: {
      id: challenge.id,
      challenge_type: 'mfa',
      demand: { aal: 'aal2' },
      application: { name: 'Payments agent' },
      request: { scopes: ['transfer'] },
      expires_at: '1970-01-01T00:05:00.000Z',
      url: `https://auth.example/v1/zones/${world.zoneId}/step-up-challenges/${challenge.id}`,
    },
  })
  for (const encoding of ['hex', 'base64', 'base64url'] as const) {
    expect(payload).not.toContain(secretHash.toString(encoding))
  }
})

test('what is not received is sent again later, with the same id', async () => {
  const { received, url } = await receiver((response, count) => response.writeHead(count === 1 ? 500 : 200).end())
  await put(await zoneWith(url))
  const worker = work()
  await until(() => received.length === 1)
  await until(
    async () =>
      (await outbox())[0]?.attempts === 1 && ((await outbox())[0]?.next_attempt_at ?? 0) < Date.now() + 10_000,
  )
  await world.shift(6_000)
  worker.wake()
  await until(async () => (await outbox()).length === 0)
  await world.shift(-6_000)
  expect(received).toHaveLength(2)
  expect(received[0]?.headers['webhook-id']).toBe(received[1]?.headers['webhook-id'])
  for (const message of received) expectSigned(message)
})

test('retries wait from seconds to an hour', () => {
  const delays = [1, 2, 3, 10, 11, 30].map((attempts) => retryDelay(attempts, () => 0.5))
  expect(delays).toEqual([5_000, 10_000, 20_000, 2_560_000, 3_600_000, 3_600_000])
})

test('a redirect is not followed', async () => {
  const elsewhere = await receiver(ok)
  const { received, url } = await receiver((response) => response.writeHead(307, { location: elsewhere.url }).end())
  await put(await zoneWith(url))
  work()
  await until(() => received.length === 1)
  await delay(200)
  expect(elsewhere.received).toHaveLength(0)
  expect(await outbox()).toHaveLength(1)
})

test('private addresses are refused unless the configuration allows them', async () => {
  const { received, url } = await receiver(ok)
  await put(await zoneWith(url.replace('http:', 'https:')))
  await put(await zoneWith(url.replace('http:', 'https:').replace('127.0.0.1', 'localhost')))
  await put(await zoneWith(url))
  work({ allowPrivateAddresses: false })
  await until(async () => (await outbox()).every((row) => row.attempts === 1))
  await delay(200)
  expect(received).toHaveLength(0)
  expect(await outbox()).toHaveLength(3)
})

test('without private addresses nothing is sent in the clear', async () => {
  const { received, url } = await receiver(ok)
  const agent = new GuardedAgent({ allowPrivateAddresses: true })
  const message = { url, secret: SECRET, id: 'x', body: '{}', timestamp: 0 }
  const means = { agent, signal: new AbortController().signal }
  expect(await deliver(message, { ...means, allowHttp: false })).toEqual({ kind: 'failed', reason: 'insecure_url' })
  expect(received).toHaveLength(0)
  expect(await deliver(message, { ...means, allowHttp: true })).toEqual({ kind: 'delivered' })
  await agent.destroy()
})

test('two nodes deliver each message once', async () => {
  const { received, url } = await receiver(ok)
  const zones = [await zoneWith(url), await zoneWith(url), await zoneWith(url)]
  const ids: string[] = []
  for (let i = 0; i < 60; i++) ids.push(await put(zones[i % 3] ?? ''))
  work()
  work()
  await until(async () => (await outbox()).length === 0)
  expect(received.map(({ headers }) => headers['webhook-id']).sort()).toEqual(ids.sort())
})

test('a receiver that hangs holds up its own zone alone', async () => {
  const hanging = await receiver(() => {})
  const { received, url } = await receiver(ok)
  const slow = await zoneWith(hanging.url)
  for (let i = 0; i < 40; i++) await put(slow)
  const quick = await zoneWith(url)
  for (let i = 0; i < 5; i++) await put(quick)
  const began = Date.now()
  work()
  await until(() => received.length === 5)
  expect(Date.now() - began).toBeLessThan(3_000)
})

test('without a webhook nothing is kept for later', async () => {
  await put(await zoneWith(null))
  await put(newId(Date.now()))
  work()
  await until(async () => (await outbox()).length === 0)
})

test('after 24 hours it is given up', async () => {
  const { received, url } = await receiver((response) => response.writeHead(500).end())
  await put(await zoneWith(url))
  const worker = work()
  await until(async () => received.length === 1 && (await outbox())[0]?.attempts === 1)
  await delay(100)
  await world.shift(24 * 3_600_000)
  worker.wake()
  await until(async () => (await outbox()).length === 0)
  await world.shift(-24 * 3_600_000)
  expect(received).toHaveLength(2)
})

test('a node that stops gives back what it had taken', async () => {
  const { received, url } = await receiver((response, count) => {
    if (count > 1) ok(response)
  })
  await put(await zoneWith(url))
  const worker = work()
  await until(() => received.length === 1)
  await worker.stop()
  work()
  await until(async () => (await outbox()).length === 0)
  expect(received).toHaveLength(2)
})
