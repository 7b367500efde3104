import { CountersignError, OAuthClient } from '@countersign/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { issued, refused, WireService } from '../../client/test/wire-service.js'
import { CountersignProvider, type StepUpControl, useCan, useStepUp } from '../src/index.js'
import { GRANTED, ScriptedSource, STEP_UP } from './support/scripted-source.js'
import { testRoot } from './support/test-renderer.js'

let service: WireService
let oauth: OAuthClient
let source: ScriptedSource
let root: ReturnType<typeof testRoot>
let control: StepUpControl
let states: string[]
beforeEach(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {})
  service = await WireService.start()
  oauth = new OAuthClient(service.url, 'zone-1', 'app-1', { clientSecret: 'x' })
  source = new ScriptedSource()
  root = testRoot()
  states = []
  pauseOnce()
  await show('alice')
})
afterEach(async () => {
  root.unmount()
  vi.restoreAllMocks()
  await service.stop()
})

function pauseOnce(): void {
  service.token = ({ form }) => {
    const id = form.get('challenge_id')
    if (!id) return service.pause()
    if (service.stateOf(id) !== 'satisfied') return refused(401, 'access_denied', 'challenge_invalid')
    service.settle(id, 'consumed')
    return issued()
  }
}

function Screen({ user }: { user: string }) {
  const permission = useCan({ permission: 'pay' })
  control = useStepUp()
  if (states.at(-1) !== control.state.status) states.push(control.state.status)
  return `${user} ${permission.status} ${control.state.status}`
}

async function show(user: string): Promise<void> {
  root.render(
    <CountersignProvider client={source} oauth={oauth} subject={{ type: 'user', id: user }}>
      <Screen user={user} />
    </CountersignProvider>,
  )
  await expect.poll(() => String(root.toJSON())).toMatch(new RegExp(`^${user} (?!pending)`))
}

const exchange = () =>
  control.run(({ challenge, signal }) => oauth.exchange('user-token', 'https://a.example', { challenge, signal }))
const failure = (promise: Promise<unknown>): Promise<CountersignError> => promise.then(Promise.reject, (error) => error)
const challenged = () => expect.poll(() => String(root.toJSON())).toMatch(/challenged$/)

test('it waits for the challenge, resumes the original call once and asks the screen’s questions again', async () => {
  source.answer = () => STEP_UP
  await show('bob')
  const running = exchange()
  await challenged()
  expect(control.state).toMatchObject({ challenge: { challengeType: 'mfa', acrValues: 'aal2' } })
  source.answer = () => GRANTED
  service.settle('challenge-1', 'satisfied')
  expect((await running).accessToken).toMatch(/^mandate-/)
  await expect.poll(() => root.toJSON()).toBe('bob granted succeeded')
  expect(service.to('/token').map(({ form }) => form.get('challenge_id'))).toEqual([null, 'challenge-1'])
  expect(states).toEqual(['idle', 'calling', 'challenged', 'resuming', 'succeeded'])
})

test('a call that needs no step-up is made once', async () => {
  service.token = () => issued()
  await exchange()
  expect(service.to('/token')).toHaveLength(1)
  await expect.poll(() => states).toEqual(['idle', 'calling', 'succeeded'])
})

test('several challenges are met one after another', async () => {
  service.token = ({ form }) => {
    const id = form.get('challenge_id')
    if (id === null) return service.pause({ challenge_id: 'first' })
    return id === 'first' ? service.pause({ challenge_id: 'second', challenge_type: 'human_approval' }) : issued()
  }
  const running = exchange()
  await challenged()
  service.settle('first', 'satisfied')
  await expect.poll(() => control.state).toMatchObject({ challenge: { challengeId: 'second' } })
  service.settle('second', 'satisfied')
  await running
  expect(service.to('/token').map(({ form }) => form.get('challenge_id'))).toEqual([null, 'first', 'second'])
})

test.each(['rejected', 'expired'] as const)('a challenge that is %s ends it, and nothing is resumed', async (state) => {
  const running = failure(exchange())
  await challenged()
  service.settle('challenge-1', state)
  expect((await running).code).toBe(`challenge_${state}`)
  await expect.poll(() => control.state).toMatchObject({ status: 'failed', error: { code: `challenge_${state}` } })
  expect(service.to('/token')).toHaveLength(1)
})

test('cancelling ends it here and at the service, resumes nothing and leaves room for the next', async () => {
  const running = failure(exchange())
  await challenged()
  control.cancel()
  expect((await running).code).toBe('aborted')
  await expect.poll(() => service.stateOf('challenge-1')).toBe('rejected')
  await expect.poll(() => control.state.status).toBe('idle')
  service.token = () => issued()
  await exchange()
  expect(service.to('/token')).toHaveLength(2)
})

test('cancelling does not wait for a call that does not listen', async () => {
  const running = failure(control.run(() => new Promise(() => {})))
  await expect.poll(() => control.state.status).toBe('calling')
  control.cancel()
  expect((await running).code).toBe('aborted')
})

test('leaving the screen cancels', async () => {
  const running = failure(exchange())
  await challenged()
  root.unmount()
  expect((await running).code).toBe('aborted')
  await expect.poll(() => service.stateOf('challenge-1')).toBe('rejected')
})

test('switching the user cancels, and the next user never sees it', async () => {
  const running = failure(exchange())
  await challenged()
  states = []
  await show('bob')
  expect((await running).code).toBe('aborted')
  await expect.poll(() => service.stateOf('challenge-1')).toBe('rejected')
  expect(states).toEqual(['idle'])
})

test('a second step-up while one runs is refused, and the first is left alone', async () => {
  const running = exchange()
  await challenged()
  expect((await failure(exchange())).code).toBe('step_up_busy')
  service.settle('challenge-1', 'satisfied')
  await running
})

test('a call that fails in its own way fails so', async () => {
  const own = new Error('the amount is too high')
  expect(await failure(control.run(() => Promise.reject(own)))).toBe(own)
  await expect.poll(() => control.state).toEqual({ status: 'failed', error: own })
})

test('without an OAuthClient the error says what is missing', async () => {
  root.render(
    <CountersignProvider client={source} subject={null}>
      <Screen user="nobody" />
    </CountersignProvider>,
  )
  await expect.poll(() => String(root.toJSON())).toMatch(/^nobody unavailable/)
  const error = await failure(control.run(() => Promise.resolve()))
  expect(error).toBeInstanceOf(CountersignError)
  expect(error.code).toBe('invalid_option')
})
