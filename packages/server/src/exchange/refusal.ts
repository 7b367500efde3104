import type { OAuthErrorCode } from '@countersign/protocol'

export interface RefusalOptions {
  /** The HTTP status when it is not the error code's usual one. */
  readonly status?: number
  /** Seconds after which to try again. */
  readonly retryAfter?: number
  /** `denied`: somebody decided against it. `failed` (the default): it could not be decided or did not hold. */
  readonly outcome?: 'denied' | 'failed'
  /** How far policy came, for the audit. */
  readonly evaluationStatus?: string
  /** What the audit should say and the caller should not see. */
  readonly cause?: string
}

/** The end of a request that gets no mandate: what the caller is told, and a stable reason for the audit. */
export class Refusal extends Error {
  override readonly name = 'Refusal'

  constructor(
    readonly error: OAuthErrorCode,
    /** Snake case, stable; the first word of `error_description`. */
    readonly reason: string,
    readonly detail: string,
    readonly options: RefusalOptions = {},
  ) {
    super(`${error}: ${reason}`)
  }

  get description(): string {
    return `${this.reason}: ${this.detail}`
  }
}

/** One message for every way in which a proof can be wrong: which of them it was is nobody's business. */
export function challengeInvalid(cause: string): Refusal {
  return new Refusal('access_denied', 'challenge_invalid', 'the challenge cannot be used for this request', {
    status: 401,
    evaluationStatus: 'challenge_invalid',
    cause,
  })
}
