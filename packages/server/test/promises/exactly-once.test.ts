import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testDatabase } from '../support/postgres.js'
import { type TestService, testService } from '../support/service.js'
import { type Answer, createWorld, type World } from '../support/world.js'
import { makeHome, removeHome, startProcess } from './process.js'
import { CHALLENGE_INVALID, challengeRow, claimsOf, ledgerOf, proverToken, satisfied } from './support.js'

const RETRIES = 64

/** Sends one retry 64 times at once, to the nodes in turn. */
async function retryAtOnce(world: World, prover: string, urls: readonly string[]): Promise<void> {
  const retry = await satisfied(world, prover)
  const answers = await Promise.all(
    Array.from({ length: RETRIES }, (_none, n) => world.exchange(retry, { url: urls[n % urls.length] as string })),
  )
  const issued = answers.filter(({ status }) => status === 200)
  expect(issued).toHaveLength(1)
  for (const answer of answers.filter((one) => !issued.includes(one))) expect(answer).toMatchObject(CHALLENGE_INVALID)

  const { txn } = claimsOf(issued[0]?.body.access_token)
  expect((await challengeRow(world.service, retry.challenge_id)).consumed_by).toBe(txn)
  const leaves = await ledgerOf(world.service, world.zoneId)
  const naming = leaves.filter(
    ({ event }) => event.outcome === 'issued' && JSON.stringify(event).includes(retry.challenge_id),
  )
  expect(naming.map(({ id }) => id)).toEqual([txn])
  // One terminal event for each request, the refused ones too.
  const ids = new Set(answers.map((answer) => requestIdOf(answer)))
  expect(leaves.filter(({ event }) => ids.has(String(event.request_id)))).toHaveLength(RETRIES)
}

function requestIdOf(answer: Answer): string {
  return String(answer.headers.get('x-request-id'))
}

describe('a satisfied challenge is consumed exactly once under 64 concurrent retries', () => {
  let service: TestService
  let beside: TestService
  let world: World
  let prover: string

  beforeAll(async () => {
    service = await testService()
    beside = await testService({ beside: service })
    world = await createWorld(service)
    prover = await proverToken(world)
  })
  afterAll(async () => {
    await beside.close()
    await service.close()
  })

  test('on one node', async () => {
    for (let round = 0; round < 2; round++) await retryAtOnce(world, prover, [service.url])
  })

  test('on two nodes', async () => {
    for (let round = 0; round < 2; round++) await retryAtOnce(world, prover, [service.url, beside.url])
  })
})

test('a satisfied challenge is consumed exactly once across two service processes on one database', async () => {
  const database = await testDatabase()
  const home = await makeHome(database)
  const neighbour = await makeHome(database, home)
  // Both at once: migrations run safely from several processes.
  const [one, other] = await Promise.all([startProcess(home), startProcess(neighbour)])
  try {
    // Nothing of a world asks for more than where the service and its database are.
    const world = await createWorld({ ...one, database } as unknown as TestService)
    const prover = await proverToken(world)
    for (let round = 0; round < 2; round++) await retryAtOnce(world, prover, [one.url, other.url])
  } finally {
    expect(await Promise.all([one.stop(), other.stop()])).toEqual([0, 0])
    await Promise.all([removeHome(home), removeHome(neighbour)])
    await database.drop()
  }
})
