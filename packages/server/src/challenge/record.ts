import type { Aal, Identity } from '@countersign/protocol'
import type { NewChallenge } from '../commit/item.js'

/** A challenge as stored, all instants in milliseconds since the epoch. */
export interface StoredChallenge extends Omit<NewChallenge, 'chain' | 'secretHash' | 'webhookPayload'> {
  readonly zoneId: string
  readonly predecessorId: string | null
  readonly satisfiedAt: number | null
  readonly rejectedAt: number | null
  readonly consumedAt: number | null
  /** The event of the exchange that consumed it. */
  readonly consumedBy: string | null
  readonly decisionReason: string | null
  readonly proofs: readonly Proof[]
}

/** What a challenge and the proofs given towards it are to a request that presents it. */
export interface ChallengeLink
  extends Pick<StoredChallenge, 'id' | 'type' | 'createdAt' | 'satisfiedAt' | 'rejectedAt' | 'consumedAt'> {
  readonly proofs: readonly Pick<Proof, 'ownerKey' | 'aal' | 'amr' | 'authTime'>[]
}

/** A challenge with everything that decides whether it may be presented, and no more, read in one round trip. */
export interface ChallengeRecord
  extends ChallengeLink,
    Pick<StoredChallenge, 'sessionId' | 'principalId' | 'applicationId' | 'demand' | 'bindingHash' | 'expiresAt'> {
  /** SHA-256 of each secret that was handed out for it. */
  readonly secretHashes: readonly Buffer[]
  /** Whether another challenge stands on this one: it can then only be used through that one. */
  readonly hasSuccessor: boolean
  /** The challenges it stands on, the nearest first. */
  readonly predecessors: readonly ChallengeLink[]
}

/** What was given towards a challenge, and by whom. */
export interface Proof {
  /** `admin:<token id>`, the credential that acted. */
  readonly approver: string
  readonly owner: Identity
  readonly ownerKey: string
  readonly method: string
  /** What an authentication reached; null for other proofs. */
  readonly aal: Aal | null
  readonly amr: readonly string[]
  readonly authTime: number | null
  readonly evidence: unknown
  readonly reason: string | null
  readonly at: number
}

/** Failed proofs of one application for one principal. */
export interface Throttle {
  readonly failures: readonly number[]
  readonly blockedUntil: number | null
}
