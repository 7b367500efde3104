import { type ChallengeReading, readChallenge } from '../challenge/queries.js'
import type { ChallengeLink, ChallengeRecord } from '../challenge/record.js'
import { hashSecret, secretMatches } from '../challenge/secrets.js'
import { chainState, cooldownSeconds } from '../challenge/state.js'
import type { ResolvedChallenge } from '../policy/proof.js'
import type { Binding } from './binding.js'
import type { ExchangeDeps } from './context.js'
import type { Parties } from './parties.js'
import { challengeInvalid, Refusal } from './refusal.js'
import type { TokenRequest } from './request.js'

/** A challenge that a request presents with the right secret, for the very request it was made for. */
export type Presented =
  /** Nobody has decided yet. */
  | { readonly kind: 'early'; readonly challenge: ChallengeRecord }
  /** Satisfied, and the last of its chain: it may be used, once. */
  | {
      readonly kind: 'resolved'
      readonly challenge: ChallengeRecord
      readonly chain: readonly ResolvedChallenge[]
      /** Of the secret it was presented with. */
      readonly secretHash: Buffer
      readonly hadFailures: boolean
    }
  /** Used up: it is good only to whoever recovers the mandate that used it. */
  | { readonly kind: 'spent'; readonly challenge: ChallengeRecord; readonly chain: readonly ResolvedChallenge[] }
  /** Another challenge stands on it, and is what has to be presented. */
  | { readonly kind: 'superseded'; readonly challenge: ChallengeRecord }

/**
 * Looks at the challenge a request presents. Only a wrong secret and a wrong binding are failures that count; everything
 * that can be wrong looks the same from outside.
 *
 * @throws Refusal, a {@link FailedProof} when it counts towards the cooldown
 */
export async function lookAtChallenge(
  deps: ExchangeDeps,
  request: TokenRequest,
  parties: Parties,
  binding: Binding,
  principalId: string,
): Promise<Presented | undefined> {
  if (request.challenge === undefined) return undefined
  const { id, response } = request.challenge
  const caller = { applicationId: parties.application.id, principalId }
  const reading = await readChallenge(deps.db, request.zoneId, id, caller)
  refuseDuringCooldown(reading)
  const { challenge, now } = reading
  const secretHash = hashSecret(response)
  // Nobody can guess the secret of what is not there; it may have been swept since.
  if (challenge === undefined) throw challengeInvalid('unknown_challenge')
  if (!secretMatches(secretHash, challenge.secretHashes)) throw new FailedProof('wrong_secret')
  if (!isBoundTo(challenge, parties, binding, principalId)) throw new FailedProof('wrong_binding')
  const state = chainState(challenge, now)
  if (state === 'rejected')
    throw new Refusal('access_denied', 'challenge_rejected', 'the challenge was rejected', { outcome: 'denied' })
  if (state === 'expired') throw challengeInvalid(state)
  const chain = [challenge, ...challenge.predecessors].map(resolvedChallenge)
  if (state === 'consumed') return { kind: 'spent', challenge, chain }
  if (challenge.hasSuccessor) return { kind: 'superseded', challenge }
  if (state === 'pending') return { kind: 'early', challenge }
  return { kind: 'resolved', challenge, chain, secretHash, hadFailures: reading.throttle !== null }
}

/** A proof that was wrong, and is counted towards the cooldown. */
export class FailedProof extends Refusal {
  constructor(cause: 'wrong_secret' | 'wrong_binding') {
    const { error, reason, detail, options } = challengeInvalid(cause)
    super(error, reason, detail, options)
  }
}

function refuseDuringCooldown({ throttle, now }: ChallengeReading): void {
  const retryAfter = cooldownSeconds(throttle, now)
  if (retryAfter === 0) return
  throw new Refusal('slow_down', 'challenge_cooldown', 'too many wrong proofs; wait before the next', {
    retryAfter,
    evaluationStatus: 'challenge_cooldown',
  })
}

function isBoundTo(challenge: ChallengeRecord, parties: Parties, binding: Binding, principalId: string): boolean {
  return (
    challenge.applicationId === parties.application.id &&
    challenge.sessionId === parties.session.id &&
    challenge.principalId === principalId &&
    challenge.bindingHash.equals(binding.hash)
  )
}

function resolvedChallenge(challenge: ChallengeLink): ResolvedChallenge {
  // Of several proofs only those of the demand's kind were accepted; an mfa challenge has one.
  const [proof] = challenge.proofs
  return {
    id: challenge.id,
    type: challenge.type,
    createdAt: challenge.createdAt,
    satisfiedAt: challenge.satisfiedAt ?? 0,
    aal: proof?.aal ?? null,
    amr: proof?.amr ?? [],
    authTime: proof?.authTime ?? null,
    approvers: [...new Set(challenge.proofs.map(({ ownerKey }) => ownerKey))],
  }
}
