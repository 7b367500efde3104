import { type Aal, type ChallengeType, meetsAal } from '@countersign/protocol'
import { shortfall } from '../authority/assurance.js'
import type { MfaDemand, StepUpDemand } from './demand.js'

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

/** Whether a resolved challenge is what a demand asks for now. `now` in milliseconds. */
export function meetsDemand(proof: ResolvedChallenge, demand: StepUpDemand, now: number): boolean {
  if (proof.type !== demand.type) return false
  switch (demand.type) {
    case 'mfa': {
      const { aal, authTime } = proof
      return (
        aal !== null && authTime !== null && shortfall({ aal, authTime }, demand, proof.createdAt, now) === undefined
      )
    }
    case 'human_approval':
      return proof.approvers.length >= demand.approvals
    case 'software_attestation':
      return true
  }
}

/** Whether a session meets a demand by itself: at `aal` now, its user having authenticated `age` seconds ago, if ever. */
export function sessionMeets(aal: Aal, age: number | undefined, demand: MfaDemand): boolean {
  return meetsAal(aal, demand.aal) && (demand.maxAge === undefined || (age !== undefined && age <= demand.maxAge))
}
