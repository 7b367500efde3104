import { CountersignError } from './errors.js'
import { InteractionRequiredError } from './interaction-required-error.js'
import type { SettledState } from './wait-for-challenge.js'

// More demands than there are types, each asked twice, is a policy that cannot be met.
const MAX_CHALLENGES = 6

/**
 * Makes a call; when it is paused, settles the challenge and makes the call again with it, until it goes through. It drives
 * `exchangeWithStepUp`, and calls of your own that throw an {@link InteractionRequiredError}, through a backend for instance.
 *
 * @example
 * ```ts
 * const mandate = await stepUpLoop(
 *   (challenge) => client.exchange(userToken, 'https://bank.example/transfers', { challenge }),
 *   (challenge) => client.waitForChallenge(challenge),
 * )
 * ```
 * @throws CountersignError `challenge_rejected`, `challenge_expired`, `challenge_consumed`; InteractionRequiredError when
 * there is no end to the demands; and what `call` and `settle` throw.
 */
export async function stepUpLoop<T>(
  call: (challenge: InteractionRequiredError | undefined) => Promise<T>,
  settle: (challenge: InteractionRequiredError) => Promise<SettledState>,
): Promise<T> {
  let challenge: InteractionRequiredError | undefined
  for (let asked = 0; ; asked++) {
    try {
      return await call(challenge)
    } catch (error) {
      if (!(error instanceof InteractionRequiredError) || asked === MAX_CHALLENGES) throw error
      challenge = error
    }
    const state = await settle(challenge)
    if (state !== 'satisfied') {
      throw new CountersignError(`challenge_${state}`, `The step-up ended: its challenge was ${state}.`)
    }
  }
}
