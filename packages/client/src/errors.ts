import type { OAuthErrorCode, Receipt } from '@countersign/protocol'

/**
 * Every error this package throws. Act on `code`; `message` is for people.
 *
 * | code | meaning |
 * |---|---|
 * | `transport` | no answer came, or one that is not the service's |
 * | `timeout` | the call's deadline passed |
 * | `aborted` | the caller's signal fired; `name` is `AbortError` |
 * | `invalid_option` | an argument cannot be right; nothing was sent |
 * | `invalid_response` | the service answered 200 with a body that is not one of its own |
 * | `challenge_rejected`, `challenge_expired`, `challenge_consumed`, `challenge_unknown` | the step-up cannot succeed any more |
 */
export class CountersignError extends Error {
  override readonly name: string = 'CountersignError'
  readonly code: string

  constructor(code: string, message: string, cause?: unknown) {
    super(message)
    this.code = code
    // Not the constructor option: React Native's engine ignores it in some releases.
    if (cause !== undefined) Object.defineProperty(this, 'cause', { value: cause, configurable: true, writable: true })
  }
}

/** The caller's own signal ended the call. */
export class AbortedError extends CountersignError {
  override readonly name = 'AbortError'

  constructor() {
    super('aborted', 'The call was aborted by its signal.')
  }
}

/** What an OAuth error carries beside its code. Times are in seconds. */
export interface OAuthErrorDetails {
  readonly status: number
  readonly description?: string | undefined
  readonly requestId?: string | undefined
  readonly retryAfter?: number | undefined
  readonly receipt?: Receipt | undefined
}

/**
 * The token endpoint refused the request. `code` is the registered error; `reason` is the word the service put in front
 * of its description (`challenge_invalid`), if there was one.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6749#section-5.2
 */
export class OAuthError extends CountersignError {
  override readonly name: string = 'OAuthError'
  readonly status: number
  readonly description: string | undefined
  readonly reason: string | undefined
  readonly requestId: string | undefined
  /** Seconds the service asked to wait before the next request. */
  readonly retryAfter: number | undefined
  readonly receipt: Receipt | undefined

  constructor(code: OAuthErrorCode | (string & {}), details: OAuthErrorDetails) {
    super(code, details.description ? `${code}: ${details.description}` : code)
    this.status = details.status
    this.description = details.description
    this.reason = /^([a-z][a-z0-9_]*)(?::|$)/.exec(details.description ?? '')?.[1]
    this.requestId = details.requestId
    this.retryAfter = details.retryAfter
    this.receipt = details.receipt
  }
}
