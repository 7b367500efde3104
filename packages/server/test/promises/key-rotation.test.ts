import { randomBytes } from 'node:crypto'
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestService, testService } from '../support/service.js'
import { adminOk, createWorld, type World } from '../support/world.js'
import { passTime } from './support.js'

const MINUTE = 60

let service: TestService
let beside: TestService
let world: World

beforeAll(async () => {
  service = await testService()
  beside = await testService({ beside: service })
  world = await createWorld(service)
})
afterAll(async () => {
  await beside.close()
  await service.close()
})

const SESSION_MANDATE = { resource: undefined, scope: undefined }

async function mandate(node: TestService): Promise<string> {
  const answer = await world.exchange(SESSION_MANDATE, { url: node.url })
  expect(answer.status).toBe(200)
  return String(answer.body.access_token)
}

function kidOf(token: string): string {
  return JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid
}

async function keySet(node: TestService): Promise<JSONWebKeySet> {
  const response = await fetch(`${node.url}/zones/${world.zoneId}/.well-known/jwks.json`)
  return (await response.json()) as JSONWebKeySet
}

test('a new key is published before it signs, and the old one kept as long as anything it signed is good', async () => {
  const nodes = [service, beside]
  const old = await mandate(service)
  const rotated = await adminOk(service, 'POST', `/v1/zones/${world.zoneId}/keys/rotate`)
  expect(rotated.kid).not.toBe(kidOf(old))

  // Until every cached copy of the key set has run out, the old key signs and both are published.
  await passTime(nodes, 4 * MINUTE)
  for (const node of nodes) {
    expect(kidOf(await mandate(node))).toBe(kidOf(old))
    const { keys } = await keySet(node)
    expect(keys.map(({ kid }) => kid).toSorted()).toEqual([kidOf(old), rotated.kid].toSorted())
  }
  const cached = createLocalJWKSet(await keySet(service))

  await passTime(nodes, MINUTE + 1)
  for (const node of nodes) {
    const token = await mandate(node)
    expect(kidOf(token)).toBe(rotated.kid)
    await jwtVerify(token, cached, { currentDate: new Date(Date.now() + 6 * MINUTE * 1000) })
  }

  // What the old key signed is good on every node until it expires.
  const last = await mandate(service)
  for (const node of nodes) {
    const renewal = { subject_token: old, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' }
    expect((await world.exchange({ ...SESSION_MANDATE, ...renewal }, { url: node.url })).status).toBe(200)
  }
  await passTime(nodes, 64 * MINUTE)
  for (const node of nodes) expect((await keySet(node)).keys).toHaveLength(2)
  await passTime(nodes, 2 * MINUTE)
  for (const node of nodes) {
    expect((await keySet(node)).keys.map(({ kid }) => kid)).toEqual([kidOf(last)])
    expect(kidOf(await mandate(node))).toBe(rotated.kid)
  }
})

test("a node whose key-encryption key is not the database's does not start", async () => {
  await expect(testService({ beside: service, config: { kek: randomBytes(32) } })).rejects.toThrow('COUNTERSIGN_KEK')
})
