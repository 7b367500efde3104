import { type Aal, type ChallengeType, meetsAal } from '@countersign/protocol'
import type { StepUpDemand } from './demand.js'

/** What a satisfied challenge proves, as policy weighs it. Instants in milliseconds. */
export interface ResolvedChallenge {
  readonly id: string
  readonly type: ChallengeType
  readonly createdAt: number
  readonly satisfiedAt: number
  /** The level an `mfa` proof reached; null for other types. */
  readonly aal: Aal | null
  readonly amr: readonly string[]
  readonly authTime: number | null
  /** Who gave it, one name for each distinct owner. */
  readonly approvers: readonly string[]
}

// An authentication service and this one may read slightly different clocks.
const SKEW_MS = 60_000

/** Whether a resolved challenge is what a demand asks for now. `now` in milliseconds. */
export function meetsDemand(proof: ResolvedChallenge, demand: StepUpDemand, now: number): boolean {
  if (proof.type !== demand.type) return false
  switch (demand.type) {
    case 'mfa':
      if (proof.aal === null || proof.authTime === null || !meetsAal(proof.aal, demand.aal ?? 'aal2')) return false
      // Without an age of its own, "again" means since the challenge was made.
      return demand.maxAge === undefined
        ? proof.authTime >= proof.createdAt - SKEW_MS
        : now - proof.authTime <= demand.maxAge * 1000
    case 'human_approval':
      return proof.approvers.length >= (demand.approvals ?? 1)
    case 'software_attestation':
      return true
  }
}
