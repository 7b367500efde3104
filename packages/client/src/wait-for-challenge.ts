import { CHALLENGE_STATES, type ChallengeState } from '@countersign/protocol'
import { sleep, withDeadline } from './deadline.js'
import { CountersignError } from './errors.js'
import { backoff, type Http, send } from './http.js'
import type { ChallengeProof } from './interaction-required-error.js'
import { isObject } from './json.js'

/** How a challenge ended. Only `satisfied` lets the exchange go on. */
export type SettledState = Exclude<ChallengeState, 'pending'>

/** What {@link waitForChallenge} may be given. */
export interface WaitOptions {
  readonly signal?: AbortSignal | undefined
  /** Told of every state as it is first seen, `pending` included. */
  readonly onState?: ((state: ChallengeState) => void) | undefined
}

const HOLD_SECONDS = 25
// An answer that comes sooner than this was not held: the service is shedding waiters, and asking at once would spin.
const SHORT_HOLD_MS = 1_000
// A service that is out of reach for this long after a challenge's end will not tell how it ended.
const GRACE_MS = 60_000

/**
 * Waits until a challenge is no longer pending. The request is held open by the service and repeated until then; lost
 * connections and busy answers are waited out.
 *
 * @param url the wait endpoint of this challenge, without a query.
 * @throws CountersignError `aborted`; `challenge_unknown` when the service knows no such challenge and secret;
 * `transport` when the service stayed out of reach until after `expiresAt`.
 */
export async function waitForChallenge(
  http: Http,
  url: string,
  challenge: ChallengeProof & { readonly expiresAt?: number },
  options: WaitOptions,
): Promise<SettledState> {
  const headers = { authorization: `Bearer ${challenge.challengeSecret}` }
  const giveUpAt = Math.max(challenge.expiresAt ?? 0, http.now() + 4 * GRACE_MS) + GRACE_MS
  let seen: ChallengeState | undefined
  for (let idle = 0; ; idle++) {
    const askedAt = http.now()
    const reply = await withDeadline(
      { timeoutMs: HOLD_SECONDS * 1000 + http.timeoutMs, signal: options.signal },
      (signal) => send(http, { method: 'GET', url: `${url}?wait=${HOLD_SECONDS}`, headers }, signal),
    ).catch((error: unknown) => {
      if (options.signal?.aborted || http.now() > giveUpAt) throw error
      return undefined
    })
    const state = reply?.status === 200 && isObject(reply.body) ? stateOf(reply.body.state) : undefined
    if (state !== undefined && state !== seen) {
      seen = state
      options.onState?.(state)
    }
    if (state !== undefined && state !== 'pending') return state
    if (reply && state === undefined) refuseUnlessPassing(reply.status, http.now() > giveUpAt)
    const held = state === 'pending' && http.now() - askedAt >= SHORT_HOLD_MS
    if (held) idle = -1
    else {
      const wait = reply?.retryAfter === undefined ? backoff(idle, http.random) : reply.retryAfter * 1000
      await withDeadline({ timeoutMs: wait + http.timeoutMs, signal: options.signal }, (signal) => sleep(wait, signal))
    }
  }
}

function refuseUnlessPassing(status: number, late: boolean): void {
  if (status === 404) {
    throw new CountersignError('challenge_unknown', 'The service knows no challenge with this id and secret.')
  }
  if (late || (status < 500 && status !== 429 && status !== 408)) {
    throw new CountersignError('transport', `The wait endpoint answered ${status}.`)
  }
}

function stateOf(value: unknown): ChallengeState | undefined {
  return CHALLENGE_STATES.find((state) => state === value)
}
