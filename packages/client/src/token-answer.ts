import { type ChallengeType, isChallengeType, type Receipt } from '@countersign/protocol'
import { CountersignError, OAuthError, type OAuthErrorDetails } from './errors.js'
import type { HttpReply } from './http.js'
import { type ChallengeProof, InteractionRequiredError } from './interaction-required-error.js'
import { isObject, numberOr, stringOr } from './json.js'

/** A mandate as the token endpoint handed it out. */
export interface Mandate {
  readonly accessToken: string
  readonly issuedTokenType: string
  readonly tokenType: 'Bearer'
  /** Its life when it was issued, in seconds. */
  readonly expiresIn: number
  /** Milliseconds since the epoch by this machine's clock, counted from before the request: never too late. */
  readonly expiresAt: number
  readonly scopes: readonly string[]
  readonly targetResources: readonly string[]
  /** Where the ledger recorded it. */
  readonly receipt: Receipt | undefined
}

/**
 * Reads the token endpoint's answer.
 *
 * @param startedAt when the request left, in milliseconds.
 * @param resumed the challenge the request presented: an early retry is paused again without a secret, and keeps its own.
 * @throws InteractionRequiredError, OAuthError, or CountersignError `invalid_response`.
 */
export function readTokenAnswer(reply: HttpReply, startedAt: number, resumed: ChallengeProof | undefined): Mandate {
  const body = isObject(reply.body) ? reply.body : {}
  if (reply.status !== 200) throw refusal(reply, body, resumed)
  const { access_token: accessToken, expires_in: expiresIn, token_type: tokenType } = body
  if (
    typeof accessToken !== 'string' ||
    accessToken === '' ||
    typeof expiresIn !== 'number' ||
    !(expiresIn > 0) ||
    String(tokenType).toLowerCase() !== 'bearer'
  ) {
    throw new CountersignError('invalid_response', 'The token endpoint answered 200 without a usable bearer token.')
  }
  const targets = body.target_resources
  return Object.freeze({
    accessToken,
    issuedTokenType: stringOr(body.issued_token_type) ?? '',
    tokenType: 'Bearer',
    expiresIn,
    expiresAt: startedAt + expiresIn * 1000,
    scopes: Object.freeze((stringOr(body.scope) ?? '').split(' ').filter(Boolean)),
    targetResources: Object.freeze(Array.isArray(targets) ? targets.filter((one) => typeof one === 'string') : []),
    receipt: receiptOf(body.receipt),
  })
}

function refusal(reply: HttpReply, body: Record<string, unknown>, resumed: ChallengeProof | undefined): Error {
  const code = stringOr(body.error)
  if (code === undefined) {
    return new CountersignError('transport', `The token endpoint answered ${reply.status} without an OAuth error.`)
  }
  return pauseOf(body, reply, resumed) ?? new OAuthError(code, detailsOf(body, reply))
}

/**
 * Reads the body of a pause, from wherever it comes: relayed by one's own backend, or from the gateway. `undefined` for
 * every other body.
 *
 * @example
 * ```ts
 * const answer = await fetch('/session/raise', { method: 'POST' })
 * const pause = readPause(await answer.json())
 * if (pause) await client.waitForChallenge(pause)
 * ```
 */
export function readPause(body: unknown): InteractionRequiredError | undefined {
  return isObject(body) ? pauseOf(body, { status: 401, retryAfter: undefined }, undefined) : undefined
}

/**
 * The body of a pause, with its secret, for a backend to relay to its own page: there the page can wait for the challenge
 * and cancel it. What resumes the exchange is still the backend, since that takes the application's own credentials.
 *
 * @example
 * ```ts
 * try {
 *   await client.exchange(session, undefined, { acrValues: 'aal2' })
 * } catch (error) {
 *   if (error instanceof InteractionRequiredError) respond(401, pauseBody(error))
 * }
 * ```
 */
export function pauseBody(pause: InteractionRequiredError): Record<string, string | number | undefined> {
  return {
    error: pause.code,
    error_description: pause.description,
    challenge_id: pause.challengeId,
    challenge_type: pause.challengeType,
    challenge_secret: pause.challengeSecret,
    challenge_expires_at: new Date(pause.expiresAt).toISOString(),
    acr_values: pause.acrValues,
    max_age: pause.maxAge,
    challenge_uri: pause.challengeUri,
    requestId: pause.requestId,
  }
}

function detailsOf(
  body: Record<string, unknown>,
  { status, retryAfter }: Pick<HttpReply, 'status' | 'retryAfter'>,
): OAuthErrorDetails {
  return {
    status,
    description: stringOr(body.error_description),
    requestId: stringOr(body.requestId),
    retryAfter,
    receipt: receiptOf(body.receipt),
  }
}

function pauseOf(
  body: Record<string, unknown>,
  reply: Pick<HttpReply, 'status' | 'retryAfter'>,
  resumed: ChallengeProof | undefined,
): InteractionRequiredError | undefined {
  if (body.error !== 'interaction_required') return undefined
  const challengeId = stringOr(body.challenge_id)
  const challengeType: ChallengeType | undefined = isChallengeType(body.challenge_type)
    ? body.challenge_type
    : undefined
  const challengeSecret =
    stringOr(body.challenge_secret) ?? (resumed?.challengeId === challengeId ? resumed?.challengeSecret : undefined)
  const expiresAt = Date.parse(stringOr(body.challenge_expires_at) ?? '')
  // A pause that cannot be resumed is only a refusal.
  if (!challengeId || !challengeType || !challengeSecret || Number.isNaN(expiresAt)) return undefined
  return new InteractionRequiredError(
    {
      challengeId,
      challengeType,
      challengeSecret,
      expiresAt,
      acrValues: stringOr(body.acr_values),
      maxAge: numberOr(body.max_age),
      challengeUri: stringOr(body.challenge_uri),
    },
    detailsOf(body, reply),
  )
}

function receiptOf(value: unknown): Receipt | undefined {
  if (!isObject(value)) return undefined
  const { event_id, leaf_index, leaf_hash } = value
  if (typeof event_id !== 'string' || typeof leaf_index !== 'number' || typeof leaf_hash !== 'string') return undefined
  return Object.freeze({ event_id, leaf_index, leaf_hash })
}
