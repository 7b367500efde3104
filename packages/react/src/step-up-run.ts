import { AbortedError, CountersignError, InteractionRequiredError, type OAuthClient } from '@countersign/client'

/** What a step-up needs of an `OAuthClient`. */
export type ChallengeSource = Pick<OAuthClient, 'waitForChallenge' | 'cancelChallenge'>

/** The original call. It is made without a challenge first, and again with each that was satisfied, to be passed on. */
export type SteppedCall<T> = (context: {
  readonly challenge: InteractionRequiredError | undefined
  readonly signal: AbortSignal
}) => Promise<T>

/** What a step-up is doing. */
export type StepUpProgress =
  | { readonly status: 'calling' }
  | { readonly status: 'challenged'; readonly challenge: InteractionRequiredError }
  | { readonly status: 'resuming' }

// As many as the client's own loop: more is a policy that cannot be met.
const MAX_CHALLENGES = 6

/**
 * Makes a call and, when it is paused, waits for the challenge and makes it again, once for each satisfied challenge.
 * When it ends early, the challenge is withdrawn.
 */
export async function runStepUp<T>(
  source: ChallengeSource,
  call: SteppedCall<T>,
  signal: AbortSignal,
  onProgress: (progress: StepUpProgress) => void,
): Promise<T> {
  let challenge: InteractionRequiredError | undefined
  for (let asked = 0; ; asked++) {
    if (signal.aborted) throw new AbortedError()
    onProgress({ status: challenge ? 'resuming' : 'calling' })
    try {
      return await call({ challenge, signal })
    } catch (error) {
      if (!(error instanceof InteractionRequiredError) || asked === MAX_CHALLENGES) throw error
      challenge = error
    }
    onProgress({ status: 'challenged', challenge })
    let outcome: string
    try {
      outcome = await source.waitForChallenge(challenge, { signal })
    } catch (error) {
      source.cancelChallenge(challenge).catch(() => {})
      throw error
    }
    if (outcome !== 'satisfied') {
      throw new CountersignError(`challenge_${outcome}`, `The step-up ended: its challenge was ${outcome}.`)
    }
  }
}
