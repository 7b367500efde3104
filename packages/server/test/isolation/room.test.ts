import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AUDIENCE, asUser, ISSUER } from '../promises/issuer.js'
import { type TestService, testService } from '../support/service.js'
import { adminOk, createWorld, type World } from '../support/world.js'

let service: TestService
let world: World
const sockets: Socket[] = []

beforeAll(async () => {
  service = await testService()
  world = await createWorld(service, { policy: 'package countersign.authz\n\nallow contains "anything"\n' })
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  await service.close()
})

/** More than a node takes at once. */
const MANY = 300
/** Now and then, so that the node does not count as busy, when it takes fewer. */
const REST_MS = 80

const head = (length: number) =>
  `POST /oauth/2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${length}\r\n\r\n`

async function open(): Promise<Socket> {
  const socket = connect(Number(new URL(service.url).port), '127.0.0.1')
  socket.on('error', () => {}).resume()
  sockets.push(socket)
  await new Promise((resolve) => socket.once('connect', resolve))
  return socket
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** What becomes of several exchanges at once, each of which is answered when there is room for it. */
async function ordinary(): Promise<number[]> {
  return (await Promise.all(Array.from({ length: 8 }, () => world.exchange()))).map(({ status }) => status)
}
const ANSWERED = Array.from({ length: 8 }, () => 200)

test('requests whose connection is cut take no place when they are over', async () => {
  const body = `grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&zone_id=${world.zoneId}`
  const request = head(body.length) + body
  for (let n = 0; n < MANY; n += 50) {
    ;(await open()).end(request.repeat(50))
    await pause(REST_MS)
  }
  expect(await ordinary()).toEqual(ANSWERED)
})

test('bodies that never come take no place', async () => {
  for (let n = 0; n < MANY; n++) {
    ;(await open()).write(head(10))
    if (n % 16 === 0) await pause(REST_MS)
  }
  expect(await ordinary()).toEqual(ANSWERED)
})

test('an identity provider that does not answer takes no place from other zones', async () => {
  const provider = createServer(() => {})
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve))
  const other = await createWorld(service)
  await adminOk(service, 'POST', `/v1/zones/${other.zoneId}/subject-issuers`, {
    issuer: ISSUER,
    audience: AUDIENCE,
    jwks_uri: `http://127.0.0.1:${(provider.address() as AddressInfo).port}/jwks`,
  })
  const user = await asUser(world, { sub: 'somebody' })
  const waiting: ReturnType<World['exchange']>[] = []
  for (let n = 0; n < MANY; n++) {
    waiting.push(other.exchange(user))
    if (n % 16 === 0) await pause(REST_MS)
  }
  expect(await ordinary()).toEqual(ANSWERED)
  provider.closeAllConnections()
  provider.close()
  for (const { status } of await Promise.all(waiting)) expect([400, 503]).toContain(status)
})
