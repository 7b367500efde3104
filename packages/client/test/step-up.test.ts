import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type CountersignError, type InteractionRequiredError, OAuthClient, type StepUpOptions } from '../src/index.js'
import { issued, refused, WireService } from './wire-service.js'

let service: WireService
let client: OAuthClient
beforeEach(async () => {
  service = await WireService.start()
  client = new OAuthClient(service.url, 'zone-1', 'app-1', { clientSecret: 'app-secret' })
})
afterEach(() => service.stop())

const failure = (promise: Promise<unknown>): Promise<CountersignError> =>
  promise.then(
    () => {
      throw new Error('did not fail')
    },
    (error) => error,
  )

async function paused(): Promise<InteractionRequiredError> {
  service.token = () => service.pause({ challenge_id: 'c-1' })
  return (await failure(client.exchange('user-token', 'https://a.example'))) as InteractionRequiredError
}

/** The first exchange pauses; one that presents a satisfied challenge is answered, as the service would. */
function pauseOnce(): void {
  service.token = ({ form }) => {
    const id = form.get('challenge_id')
    if (!id) return service.pause()
    if (service.stateOf(id) !== 'satisfied') return refused(401, 'access_denied', 'challenge_invalid')
    service.settle(id, 'consumed')
    return issued()
  }
}

const stepUp = (options: Partial<StepUpOptions> = {}) =>
  client.exchangeWithStepUp('user-token', 'https://a.example', {
    onChallenge: ({ challengeId }) => service.settle(challengeId, 'satisfied'),
    ...options,
  })

describe('waiting for a challenge', () => {
  test('tells each state once and ends with the last', async () => {
    const error = await paused()
    const states: string[] = []
    const waiting = client.waitForChallenge(error, { onState: (state) => states.push(state) })
    await expect.poll(() => service.requests.length).toBe(2)
    service.settle('c-1', 'satisfied')
    expect(await waiting).toBe('satisfied')
    expect(states).toEqual(['satisfied'])
    const [, wait] = service.requests
    expect(wait?.path).toBe('/zones/zone-1/oauth/2/challenges/c-1')
    expect(wait?.query.get('wait')).toBe('25')
    expect(wait?.headers.authorization).toBe('Bearer secret-of-c-1')
  })

  test.each(['rejected', 'expired', 'consumed'] as const)('ends when it is %s', async (state) => {
    const error = await paused()
    service.settle('c-1', state)
    expect(await client.waitForChallenge(error)).toBe(state)
  })

  test('goes on after lost connections and busy answers', async () => {
    const error = await paused()
    const troubles = ['lost', refused(503, 'temporarily_unavailable'), refused(429, 'slow_down')] as const
    let met = 0
    service.wait = () => troubles[met++]
    const waiting = client.waitForChallenge(error)
    await expect.poll(() => met, { timeout: 5_000 }).toBeGreaterThan(3)
    service.settle('c-1', 'satisfied')
    expect(await waiting).toBe('satisfied')
  })

  test('does not spin when the service answers pending at once', async () => {
    const error = await paused()
    service.wait = () => ({ body: { id: 'c-1', state: 'pending', expires_at: new Date().toISOString() } })
    const controller = new AbortController()
    const waiting = failure(client.waitForChallenge(error, { signal: controller.signal }))
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    controller.abort()
    expect((await waiting).code).toBe('aborted')
    expect(service.to('/challenges/c-1').length).toBeLessThan(8)
  })

  test('an unknown challenge is said to be unknown', async () => {
    const error = await failure(client.waitForChallenge({ challengeId: 'never', challengeSecret: 'x' }))
    expect(error.code).toBe('challenge_unknown')
  })

  test('ends at once when its signal fires, and lets the connection go', async () => {
    const error = await paused()
    const controller = new AbortController()
    const waiting = failure(client.waitForChallenge(error, { signal: controller.signal }))
    await expect.poll(() => service.requests.length).toBe(2)
    controller.abort()
    expect((await waiting).code).toBe('aborted')
    await service.requests[1]?.gone
  })

  test('gives up after the end of a challenge that nobody can tell about', async () => {
    const error = await paused()
    let now = Date.now()
    const offline = new OAuthClient(service.url, 'zone-1', 'app-1', {
      now: () => now,
      fetch: () => {
        now += 100_000
        return Promise.reject(new TypeError('offline'))
      },
    })
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    try {
      const waiting = failure(offline.waitForChallenge(error))
      await vi.advanceTimersByTimeAsync(120_000)
      expect((await waiting).code).toBe('transport')
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('an exchange with step-up', () => {
  test('asks, waits, resumes once and hands the mandate out', async () => {
    pauseOnce()
    const seen: InteractionRequiredError[] = []
    const mandate = await stepUp({
      onChallenge: (challenge) => {
        seen.push(challenge)
        setTimeout(() => service.settle(challenge.challengeId, 'satisfied'), 20)
      },
    })
    expect(mandate.accessToken).toMatch(/^mandate-/)
    expect(seen.map(({ challengeType, acrValues }) => [challengeType, acrValues])).toEqual([['mfa', 'aal2']])
    expect(service.to('/token')).toHaveLength(2)
  })

  test('does not wait for a callback that never settles', async () => {
    pauseOnce()
    const mandate = await stepUp({
      onChallenge: ({ challengeId }) => {
        service.settle(challengeId, 'satisfied')
        return new Promise(() => {})
      },
    })
    expect(mandate.accessToken).toMatch(/^mandate-/)
  })

  test('asks for one proof after another when the policy demands several', async () => {
    service.token = ({ form }) => {
      const id = form.get('challenge_id')
      if (id === null) return service.pause({ challenge_id: 'first' })
      return id === 'first' ? service.pause({ challenge_id: 'second', challenge_type: 'human_approval' }) : issued()
    }
    const types: string[] = []
    await stepUp({
      onChallenge: ({ challengeId, challengeType }) => {
        types.push(challengeType)
        service.settle(challengeId, 'satisfied')
      },
    })
    expect(types).toEqual(['mfa', 'human_approval'])
    expect(service.to('/token').map(({ form }) => form.get('challenge_id'))).toEqual([null, 'first', 'second'])
  })

  test('does not go on for ever against a policy that cannot be met', async () => {
    service.token = () => service.pause()
    expect((await failure(stepUp())).code).toBe('interaction_required')
    expect(service.to('/token').length).toBeLessThan(10)
  })

  test.each(['rejected', 'expired', 'consumed'] as const)('ends with challenge_%s', async (state) => {
    pauseOnce()
    const error = await failure(stepUp({ onChallenge: ({ challengeId }) => service.settle(challengeId, state) }))
    expect(error.code).toBe(`challenge_${state}`)
    expect(service.to('/token')).toHaveLength(1)
  })

  test('is cancelled, here and at the service, when the callback gives up', async () => {
    pauseOnce()
    const gaveUp = new Error('the user closed the window')
    const error = await failure(stepUp({ onChallenge: () => Promise.reject(gaveUp) }))
    expect(error).toBe(gaveUp)
    await expect.poll(() => service.stateOf('challenge-1')).toBe('rejected')
    expect(service.to('/token')).toHaveLength(1)
  })

  test('is cancelled, here and at the service, by its signal, which the callback sees', async () => {
    pauseOnce()
    const controller = new AbortController()
    let inner: AbortSignal | undefined
    const waiting = failure(
      stepUp({
        signal: controller.signal,
        onChallenge: (_, context) => {
          inner = context.signal
        },
      }),
    )
    await expect.poll(() => service.to('/challenges/challenge-1').length).toBe(1)
    controller.abort()
    expect((await waiting).code).toBe('aborted')
    expect(inner?.aborted).toBe(true)
    await expect.poll(() => service.stateOf('challenge-1')).toBe('rejected')
  })

  test('asked for twice at once shows one prompt and gives one mandate to both', async () => {
    pauseOnce()
    const prompts: string[] = []
    const onChallenge = ({ challengeId }: InteractionRequiredError) => {
      prompts.push(challengeId)
      setTimeout(() => service.settle(challengeId, 'satisfied'), 20)
    }
    const [one, two] = await Promise.all([stepUp({ onChallenge }), stepUp({ onChallenge })])
    expect(one).toBe(two)
    expect(prompts).toHaveLength(1)
  })

  test('raises a session when asked for a level', async () => {
    pauseOnce()
    await client.exchangeWithStepUp('session', undefined, {
      acrValues: 'aal2',
      maxAge: 300,
      onChallenge: ({ challengeId }) => service.settle(challengeId, 'satisfied'),
    })
    for (const { form } of service.to('/token')) {
      expect([form.get('acr_values'), form.get('max_age')]).toEqual(['aal2', '300'])
    }
  })
})
