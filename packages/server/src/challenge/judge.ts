import {
  type Aal,
  type ChallengeType,
  canonicalJson,
  type Identity,
  identityKey,
  isAal,
  type Json,
  meetsAal,
  sameIdentity,
} from '@countersign/protocol'
import { shortfall } from '../authority/assurance.js'
import type { Capability } from '../store/tables.js'
import type { Proof, StoredChallenge } from './record.js'

/** The credential that acts on a challenge, as it stands when it acts. */
export interface Approver {
  /** `admin:<token id>`. */
  readonly id: string
  readonly owner: Identity | null
  readonly capabilities: ReadonlySet<Capability>
  readonly maxAal: Aal | null
  readonly bootstrap: boolean
}

/** What is submitted towards a challenge; which members belong depends on its type. */
export interface Submission {
  readonly reason?: string
  readonly subject?: Identity
  readonly aal?: string
  readonly amr?: readonly string[]
  readonly method?: string
  /** Seconds since the epoch. */
  readonly auth_time?: number
  readonly evidence?: { readonly [member: string]: Json }
}

/** Everything a verdict depends on. `requesters` are identity keys: those stored and those of this moment. */
export interface Hearing {
  readonly challenge: StoredChallenge
  readonly approver: Approver
  readonly requesters: ReadonlySet<string>
  readonly submission: Submission
  readonly now: number
}

/** A proof to record, or why there is none. */
export type Verdict =
  | { readonly verdict: 'accepted'; readonly proof: Proof }
  | {
      readonly verdict: 'refused'
      readonly status: 403 | 409 | 422
      readonly code: RefusalCode
      readonly detail: string
    }

export type RefusalCode =
  | 'wrong_capability'
  | 'owner_required'
  | 'self_approval'
  | 'already_approved'
  | 'wrong_subject'
  | 'invalid_proof'
  | 'proof_insufficient'

/** What a token must be able to do to satisfy a challenge of each type. */
export const CAPABILITY_FOR: { readonly [type in ChallengeType]: Capability } = {
  mfa: 'prove',
  human_approval: 'approve',
  software_attestation: 'attest',
}

/** How far an authentication service's clock may be ahead of the database's, in milliseconds. */
const AHEAD_MS = 5_000
/** What `mfa` means when the demand names no level: more than one factor. */
const DEFAULT_AAL: Aal = 'aal2'
const MAX_EVIDENCE_CHARACTERS = 16 * 1024

/**
 * Decides whether a submission is a proof of this challenge by someone who may give one. The challenge must be
 * pending; whether its quorum is then met is {@link countApprovals}' business.
 */
export function judge(hearing: Hearing): Verdict {
  const { approver, challenge } = hearing
  const capability = CAPABILITY_FOR[challenge.type]
  if (approver.bootstrap) {
    return refused('wrong_capability', 'the bootstrap token administers; it satisfies no challenge')
  }
  if (!approver.capabilities.has(capability)) {
    return refused('wrong_capability', `a challenge of type ${challenge.type} needs a token that can "${capability}"`)
  }
  if (approver.owner === null) {
    return refused(
      'owner_required',
      'a token without an owner satisfies nothing: nobody could be told from the requester',
    )
  }
  switch (challenge.type) {
    case 'mfa':
      return judgeAuthentication(hearing, approver.owner)
    case 'human_approval':
      return judgeApproval(hearing, approver.owner)
    case 'software_attestation':
      return judgeAttestation(hearing, approver.owner)
  }
}

/** How many distinct owners have approved, of how many. Who has become a requester since no longer counts. */
export function countApprovals(
  challenge: Pick<StoredChallenge, 'type' | 'demand' | 'proofs'>,
  requesters: ReadonlySet<string>,
): { readonly have: number; readonly need: number } {
  if (challenge.type !== 'human_approval') return { have: Math.min(challenge.proofs.length, 1), need: 1 }
  const owners = new Set(challenge.proofs.map((proof) => proof.ownerKey).filter((key) => !requesters.has(key)))
  return { have: owners.size, need: Math.max(1, challenge.demand.approvals ?? 1) }
}

function judgeApproval({ challenge, requesters, submission, approver, now }: Hearing, owner: Identity): Verdict {
  if (requesters.has(identityKey(owner))) return selfApproval()
  const stray = strayMember(submission, ['reason'])
  if (stray !== undefined) return refused('invalid_proof', `"${stray}" is no part of a human approval`)
  if (challenge.proofs.some((proof) => proof.ownerKey === identityKey(owner))) {
    return refused('already_approved', 'this owner has approved already; another person must')
  }
  return accepted({ ...blank(approver, owner, submission, now), method: 'approval' })
}

function judgeAttestation({ requesters, submission, approver, now }: Hearing, owner: Identity): Verdict {
  if (requesters.has(identityKey(owner))) return selfApproval()
  const stray = strayMember(submission, ['reason', 'evidence'])
  if (stray !== undefined) return refused('invalid_proof', `"${stray}" is no part of an attestation`)
  if (submission.evidence === undefined) return refused('invalid_proof', 'an attestation needs "evidence", an object')
  if (canonicalJson(submission.evidence).length > MAX_EVIDENCE_CHARACTERS) {
    return refused('invalid_proof', `"evidence" may have ${MAX_EVIDENCE_CHARACTERS} characters of JSON at most`)
  }
  const proof = { ...blank(approver, owner, submission, now), method: 'attestation', evidence: submission.evidence }
  return accepted(proof)
}

function judgeAuthentication(hearing: Hearing, owner: Identity): Verdict {
  const { challenge, submission, approver, now } = hearing
  const { subject, aal, amr, method } = submission
  if (challenge.proverSubject === null) {
    return refused(
      'wrong_subject',
      'nobody can be authenticated for this request: it has no user and its application no owner',
    )
  }
  if (sameIdentity(owner, challenge.proverSubject)) return selfApproval()
  const stray = strayMember(submission, ['reason', 'subject', 'aal', 'amr', 'method', 'auth_time'])
  if (stray !== undefined) return refused('invalid_proof', `"${stray}" is no part of an authentication`)
  if (subject === undefined || !isAal(aal) || amr === undefined || method === undefined) {
    return refused('invalid_proof', 'an authentication needs "subject", "aal" (aal1, aal2 or aal3), "amr" and "method"')
  }
  if (!sameIdentity(subject, challenge.proverSubject)) {
    return refused('wrong_subject', 'the authenticated subject is not the one that this challenge asks for')
  }
  if (approver.maxAal === null || !meetsAal(approver.maxAal, aal)) {
    return refused('wrong_capability', `this token may prove ${approver.maxAal ?? 'no level'} at most`)
  }
  const authTime = submission.auth_time === undefined ? now : submission.auth_time * 1000
  if (authTime > now + AHEAD_MS) return refused('invalid_proof', '"auth_time" is in the future')
  const lacking = lacks(challenge, aal, authTime, now)
  if (lacking !== undefined) return refused('proof_insufficient', lacking)
  const proof = blank(approver, owner, submission, now)
  return accepted({ ...proof, method, aal, amr: [...amr], authTime: Math.min(authTime, now) })
}

// What is below the demand now stays below it: recording it would end the wait for a proof that cannot be used.
function lacks({ demand, createdAt }: StoredChallenge, aal: Aal, authTime: number, now: number): string | undefined {
  const { aal: needed = DEFAULT_AAL, max_age: maxAge, again = maxAge === undefined } = demand
  switch (shortfall({ aal, authTime }, { aal: needed, maxAge, again }, createdAt, now)) {
    case 'level':
      return `this challenge needs ${needed} or better`
    case 'novelty':
      return 'the authentication is older than the challenge'
    case 'recency':
      return `the authentication must be ${maxAge} seconds old at most`
    case undefined:
      return undefined
  }
}

function strayMember(submission: Submission, belonging: readonly (keyof Submission)[]): string | undefined {
  const known: readonly string[] = belonging
  return Object.entries(submission).find(([name, value]) => value !== undefined && !known.includes(name))?.[0]
}

function blank(approver: Approver, owner: Identity, submission: Submission, now: number): Omit<Proof, 'method'> {
  return {
    approver: approver.id,
    owner,
    ownerKey: identityKey(owner),
    aal: null,
    amr: [],
    authTime: null,
    evidence: null,
    reason: submission.reason ?? null,
    at: now,
  }
}

function accepted(proof: Proof): Verdict {
  return { verdict: 'accepted', proof }
}

function selfApproval(): Verdict {
  return refused('self_approval', "whoever takes part in a request never approves it; another owner's token must")
}

const STATUS: { readonly [code in RefusalCode]: 403 | 409 | 422 } = {
  wrong_capability: 403,
  owner_required: 403,
  self_approval: 403,
  wrong_subject: 403,
  already_approved: 409,
  invalid_proof: 422,
  proof_insufficient: 422,
}

function refused(code: RefusalCode, detail: string): Verdict {
  return { verdict: 'refused', status: STATUS[code], code, detail }
}
