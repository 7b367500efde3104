import { afterAll, beforeAll, expect, test } from 'vitest'
import { ledgerOf } from '../promises/support.js'
import { type TestService, testService } from '../support/service.js'
import { createWorld, type World } from '../support/world.js'

let service: TestService
let world: World
beforeAll(async () => {
  service = await testService()
  world = await createWorld(service)
})
afterAll(() => service.close())

test('strangers cannot fill a tenant’s ledger: ten of their failures are events, the others only counted', async () => {
  const node = await testService({ beside: service })
  const before = (await ledgerOf(service, world.zoneId)).length
  for (let i = 0; i < 40; i++) {
    const { status } = await world.exchange({ client_secret: `wrong ${i}` }, { url: node.url })
    expect(status).toBe(401)
  }
  await node.close()
  const added = (await ledgerOf(service, world.zoneId)).slice(before).map(({ event }) => event)
  const single = added.filter(({ count }) => count === undefined)
  const summed = added.reduce((sum, { count }) => sum + Number(count ?? 0), 0)
  // A minute may end on the way, and the count begin anew.
  expect([10, 20]).toContain(single.length)
  expect(single.length + summed).toBe(40)
})
