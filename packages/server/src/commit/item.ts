import type { Aal, ChallengeType, Identity } from '@countersign/protocol'
import type { LedgerEvent } from '../ledger/event.js'
import type { Demand } from '../store/tables.js'

/** A session this outcome stands on, at the version it was read. */
export interface Anchor {
  readonly sessionId: string
  readonly version: number
}

/** What a session is known to have proved. Instants in milliseconds. */
export interface Assurance {
  readonly aal: Aal
  readonly acr: string | null
  readonly amr: readonly string[]
  readonly authTime: number | null
}

/** A session that begins with this request. */
export interface NewSession extends Assurance {
  readonly id: string
  readonly kind: 'user' | 'application'
  readonly issuer: string | null
  readonly subject: string
  readonly applicationId: string
  /** What finds the session again: a hash over application, issuer, subject and the token's session, in hexadecimal. */
  readonly keyHash: string
  readonly tokenIssuedAt: number | null
  readonly expiresAt: number
}

/** New assurance for a session that stands, or what is left of a level that lapsed; its anchor must be among the item's. */
export interface Raise extends Assurance {
  readonly sessionId: string
  readonly tokenIssuedAt: number | null
}

/** A new challenge. `chain` holds its predecessors, nearest first, all satisfied and unconsumed. */
export interface NewChallenge {
  readonly id: string
  readonly sessionId: string
  readonly principalId: string
  readonly applicationId: string
  readonly type: ChallengeType
  readonly demand: Demand
  /** Whom an `mfa` prover must name; null when nobody can be named. */
  readonly proverSubject: Identity | null
  /** Identity keys of the requester set when the challenge is made. */
  readonly requesters: readonly string[]
  /** Applications whose present owners and secret holders are requesters too. */
  readonly requesterApplications: readonly string[]
  /** The canonical binding document, exactly the bytes that `bindingHash` covers. */
  readonly requestJson: string
  readonly bindingHash: Buffer
  readonly chain: readonly string[]
  /** In milliseconds since the epoch, as the end. */
  readonly createdAt: number
  readonly expiresAt: number
  readonly secretHash: Buffer
  readonly webhookPayload: string | null
}

/** The challenges that this mandate uses up: the one presented first, then its predecessors. */
export interface Consumption {
  readonly ids: readonly [string, ...string[]]
  readonly applicationId: string
  readonly sessionId: string
  readonly principalId: string
  readonly bindingHash: Buffer
  readonly secretHash: Buffer
}

/** What is to be recorded of one request, and all that must still hold for it to be recorded. */
export interface CommitItem {
  readonly zoneId: string
  /** The revision of the snapshot that the outcome was computed from. */
  readonly revision: number
  readonly event: LedgerEvent
  readonly anchors: readonly Anchor[]
  readonly open?: NewSession | undefined
  readonly raise?: Raise | undefined
  readonly once?: { readonly kind: string; readonly key: Buffer; readonly expiresAt: number } | undefined
  readonly recovery?:
    | {
        readonly applicationId: string
        readonly keyHash: Buffer
        readonly bindingHash: Buffer
        readonly challengeId: string | null
        readonly claims: { readonly [claim: string]: unknown }
        readonly expiresAt: number
      }
    | undefined
  /** The `jti` of a mandate that is handed out again; it must not have been revoked. */
  readonly recovered?: string | undefined
  readonly create?: NewChallenge | undefined
  readonly join?: { readonly challengeId: string; readonly secretHash: Buffer } | undefined
  readonly consume?: Consumption | undefined
  /** A proof that was right or wrong: wrong ones count towards the cooldown, a right one ends the count. */
  readonly throttle?:
    | { readonly applicationId: string; readonly principalId: string; readonly failed: boolean }
    | undefined
}

/**
 * What became of an item. `stale`: something it was computed from has changed, nothing was written, compute it anew.
 * `replayed`: a value that may be used once was used before. `capped`: too many live challenges, or secrets of one.
 */
export type Verdict =
  | { readonly status: 'recorded'; readonly leafIndex: number }
  | { readonly status: 'stale' }
  | { readonly status: 'replayed' }
  | { readonly status: 'capped' }

/** How many secrets one challenge may have, so how often a request may join it. */
export const MOST_SECRETS = 8
/** How many live challenges one principal of one application may have. */
export const MOST_LIVE_CHALLENGES = 32
/** So many wrong proofs within {@link FAILURE_WINDOW_SECONDS} start a cooldown of {@link COOLDOWN_SECONDS}. */
export const MOST_FAILURES = 5
export const FAILURE_WINDOW_SECONDS = 120
export const COOLDOWN_SECONDS = 300

/**
 * What two items of one batch must not share. The database would refuse the second of them with the whole batch; apart,
 * the second simply finds what the first has done.
 */
export function exclusiveKeys(item: CommitItem): string[] {
  const keys: string[] = []
  if (item.open !== undefined) keys.push(`session ${item.open.keyHash}`)
  if (item.raise !== undefined) keys.push(`raise ${item.raise.sessionId}`)
  if (item.once !== undefined) keys.push(`once ${item.once.key.toString('base64')}`)
  if (item.recovery !== undefined)
    keys.push(`recovery ${item.recovery.applicationId} ${item.recovery.keyHash.toString('base64')}`)
  if (item.create !== undefined) {
    keys.push(`binding ${item.create.applicationId} ${item.create.bindingHash.toString('base64')}`)
    for (const id of item.create.chain) keys.push(`challenge ${id}`)
  }
  if (item.join !== undefined) keys.push(`challenge ${item.join.challengeId}`)
  for (const id of item.consume?.ids ?? []) keys.push(`challenge ${id}`)
  if (item.throttle !== undefined) keys.push(`throttle ${item.throttle.applicationId} ${item.throttle.principalId}`)
  return keys.map((key) => `${item.zoneId} ${key}`)
}
