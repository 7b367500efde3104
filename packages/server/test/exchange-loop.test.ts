import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestService, testService } from './support/service.js'
import { createWorld, OWNER, type World } from './support/world.js'

let service: TestService
let world: World
let prover: string

beforeAll(async () => {
  service = await testService()
  world = await createWorld(service)
  prover = await world.token(['prove'], undefined, { max_aal: 'aal2' })
})
afterAll(() => service.close())

const proof = { subject: OWNER, aal: 'aal2', amr: ['hwk'], method: 'webauthn' }

async function pause(form = {}) {
  const answer = await world.exchange(form)
  expect(answer.status).toBe(401)
  const { challenge_id: id, challenge_secret: response } = answer.body
  return { answer, retry: { challenge_id: String(id), challenge_response: String(response) } }
}

test('an application gets a session mandate without policy being asked', async () => {
  const answer = await world.exchange({ resource: undefined, scope: undefined })
  expect(answer.body).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: '' })
  expect(answer.status).toBe(200)
})

test('the pause has every field and header, and the loop ends in one mandate', async () => {
  const { answer, retry } = await pause()
  expect(answer.headers.get('www-authenticate')).toBe('Bearer error="interaction_required"')
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(answer.body).toMatchObject({
    error: 'interaction_required',
    error_description: expect.any(String),
    challenge_id: expect.any(String),
    challenge_type: 'mfa',
    challenge_secret: expect.stringMatching(/^[\w-]{43}$/),
    challenge_expires_at: expect.stringMatching(/Z$/),
    acr_values: 'aal2',
    requestId: answer.headers.get('x-request-id'),
    receipt: {
      event_id: expect.any(String),
      leaf_index: expect.any(Number),
      leaf_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
  })

  const early = await world.exchange(retry)
  expect(early.status).toBe(401)
  expect(early.body).toMatchObject({ error: 'interaction_required', challenge_id: retry.challenge_id })
  expect(early.body).not.toHaveProperty('challenge_secret')

  expect((await world.satisfy(retry.challenge_id, prover, proof)).status).toBe(200)
  const issued = await world.exchange(retry)
  expect(issued.status).toBe(200)
  expect(issued.body).toMatchObject({
    token_type: 'Bearer',
    scope: 'transfer',
    target_resources: ['resource://payments'],
  })

  const replay = await world.exchange(retry)
  expect(replay.status).toBe(401)
  expect(replay.body).toMatchObject({
    error: 'access_denied',
    error_description: expect.stringMatching(/^challenge_invalid/),
  })
})
