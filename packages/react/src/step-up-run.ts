import { AbortedError, type InteractionRequiredError, type OAuthClient, stepUpLoop } from '@countersign/client'

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

/**
 * Makes a call and, when it is paused, waits for the challenge and makes it again, once for each satisfied challenge.
 * When it ends early, the challenge is withdrawn.
 */
export function runStepUp<T>(
  source: ChallengeSource,
  call: SteppedCall<T>,
  signal: AbortSignal,
  onProgress: (progress: StepUpProgress) => void,
): Promise<T> {
  return stepUpLoop(
    async (challenge) => {
      if (signal.aborted) throw new AbortedError()
      onProgress({ status: challenge ? 'resuming' : 'calling' })
      return call({ challenge, signal })
    },
    async (challenge) => {
      onProgress({ status: 'challenged', challenge })
      try {
        return await source.waitForChallenge(challenge, { signal })
      } catch (error) {
        source.cancelChallenge(challenge).catch(() => {})
        throw error
      }
    },
  )
}
