import type { ChallengeType } from '@countersign/protocol'
import { OAuthError, type OAuthErrorDetails } from './errors.js'

/** What identifies a paused exchange to the service: keep it to resume the exchange, in memory or across a page load. */
export interface ChallengeProof {
  readonly challengeId: string
  readonly challengeSecret: string
}

/** The demand a pause carries. `expiresAt` is in milliseconds since the epoch, `maxAge` in seconds. */
export interface ChallengeDemand {
  readonly challengeId: string
  readonly challengeType: ChallengeType
  readonly challengeSecret: string
  readonly expiresAt: number
  readonly acrValues?: string | undefined
  readonly maxAge?: number | undefined
  readonly challengeUri?: string | undefined
}

/**
 * The exchange is paused until somebody proves what the policy demands. Wait with `waitForChallenge(error)`, then repeat
 * the very same exchange with `{ challenge: error }`.
 *
 * The secret is not enumerable, so that logging or serialising the error does not spread it.
 *
 * @example
 * ```ts
 * try {
 *   await client.exchange(userToken, 'https://bank.example/transfers')
 * } catch (error) {
 *   if (error instanceof InteractionRequiredError) console.log(error.challengeType, error.acrValues)
 * }
 * ```
 */
export class InteractionRequiredError extends OAuthError {
  override readonly name = 'InteractionRequiredError'
  readonly challengeId: string
  readonly challengeType: ChallengeType
  declare readonly challengeSecret: string
  readonly expiresAt: number
  /** The assurance level asked for (`aal2`), when the challenge is about one. */
  readonly acrValues: string | undefined
  readonly maxAge: number | undefined
  /** The page where a person can act. */
  readonly challengeUri: string | undefined

  constructor(demand: ChallengeDemand, details: OAuthErrorDetails) {
    super('interaction_required', details)
    this.challengeId = demand.challengeId
    this.challengeType = demand.challengeType
    this.expiresAt = demand.expiresAt
    this.acrValues = demand.acrValues
    this.maxAge = demand.maxAge
    this.challengeUri = demand.challengeUri
    Object.defineProperty(this, 'challengeSecret', { value: demand.challengeSecret, enumerable: false })
  }
}
