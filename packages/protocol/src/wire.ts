import type { Aal } from './aal.js'
import type { ChallengeState, ChallengeType } from './challenge.js'
import type { OAuthErrorCode } from './errors.js'

/** Proof that an answer is in the ledger: which event, at which leaf, with which hash (lowercase hex SHA-256). */
export interface Receipt {
  readonly event_id: string
  readonly leaf_index: number
  readonly leaf_hash: string
}

/** 200 of the token endpoint: a mandate. `expires_in` is in seconds. */
export interface TokenResponse {
  readonly access_token: string
  readonly issued_token_type: string
  readonly token_type: 'Bearer'
  readonly expires_in: number
  readonly scope: string
  readonly target_resources: readonly string[]
  readonly receipt: Receipt
}

/** Any error of the token endpoint. */
export interface TokenErrorResponse {
  readonly error: OAuthErrorCode
  readonly error_description?: string
  readonly requestId: string
}

/** 401 of the token endpoint: the pause. The secret is there once, when this response created or joined the challenge. */
export interface PauseResponse extends TokenErrorResponse {
  readonly error: 'interaction_required'
  readonly challenge_id: string
  readonly challenge_type: ChallengeType
  readonly challenge_secret?: string
  readonly challenge_expires_at: string
  readonly acr_values?: string
  readonly max_age?: number
  readonly challenge_uri?: string
  readonly receipt?: Receipt
}

/** Answer of the wait endpoint. */
export interface WaitResponse {
  readonly id: string
  readonly state: ChallengeState
  readonly expires_at: string
}

/** Where the decision's assurance level came from. */
export type AalSource = 'asserted' | 'session' | 'token'

/** What the decision point answers inside `data`. Act on it only through `isGranted`. */
export interface DecisionData {
  readonly allowed: boolean
  readonly decision_id: string
  readonly policy_version: number
  readonly requires_step_up: boolean
  readonly required_aal: Aal | null
  readonly max_age: number | null
  readonly aal_source: AalSource
  readonly challenge_type: ChallengeType | null
  readonly matched: readonly { readonly type: string; readonly key: string }[]
  readonly explanation: readonly string[]
}

/** RFC 9457 problem details, with the stable `code` that programs act on. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: string
  readonly detail?: string
  readonly requestId?: string
  readonly errors?: readonly { readonly [key: string]: unknown }[]
}
