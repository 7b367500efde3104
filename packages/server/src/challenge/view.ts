import { CHALLENGE_STATES, CHALLENGE_TYPES } from '@countersign/protocol'
import { type Static, Type } from 'typebox'
import {
  Id,
  IdentitySchema,
  Instant,
  nullable,
  toInstant,
  toInstantOrNull,
} from '../authority/administration/schemas.js'
import type { Demand } from '../store/tables.js'
import type { ListedChallenge } from './admin-queries.js'
import { countApprovals } from './judge.js'
import type { Proof } from './record.js'

/** How many proofs a challenge has, of how many. */
export const Approvals = Type.Object({ have: Type.Integer(), need: Type.Integer() })

const ProofView = Type.Object({
  approver: Type.String({ description: 'The credential that gave it, as `admin:<token id>`.' }),
  owner: IdentitySchema,
  method: Type.String(),
  aal: nullable(Type.String()),
  amr: Type.Array(Type.String()),
  auth_time: nullable(Instant),
  evidence: Type.Unknown(),
  reason: nullable(Type.String()),
  at: Instant,
})

/** A challenge as an administrator or approver sees it. */
export const ChallengeView = Type.Object({
  id: Id,
  zone_id: Id,
  challenge_type: Type.Enum([...CHALLENGE_TYPES]),
  state: Type.Enum([...CHALLENGE_STATES]),
  demand: Type.Unsafe<Demand>(
    Type.Object({
      aal: Type.Optional(Type.String()),
      max_age: Type.Optional(Type.Integer({ description: 'Seconds.' })),
      approvals: Type.Optional(Type.Integer()),
      reason: Type.Optional(Type.String()),
    }),
  ),
  application: Type.Object({ id: Id, name: nullable(Type.String()) }),
  principal_id: Type.String(),
  session_id: Id,
  prover_subject: nullable(IdentitySchema),
  request: Type.Unknown({ description: 'The request exactly as bound: what an approval is for, and nothing else.' }),
  binding_sha256: Type.String({ description: 'SHA-256 of the canonical JSON of `request`, hex.' }),
  predecessor_id: nullable(Id),
  has_successor: Type.Boolean({ description: 'Whether a later challenge of the same request stands on this one.' }),
  approvals: Approvals,
  proofs: Type.Array(ProofView),
  created_at: Instant,
  expires_at: Instant,
  satisfied_at: nullable(Instant),
  rejected_at: nullable(Instant),
  consumed_at: nullable(Instant),
  consumed_by: nullable(Type.String({ description: 'The audit event of the exchange that used it.' })),
  decision_reason: nullable(Type.String()),
})

export function challengeView(challenge: ListedChallenge): Static<typeof ChallengeView> {
  return {
    id: challenge.id,
    zone_id: challenge.zoneId,
    challenge_type: challenge.type,
    state: challenge.state,
    demand: challenge.demand,
    application: { id: challenge.applicationId, name: challenge.applicationName },
    principal_id: challenge.principalId,
    session_id: challenge.sessionId,
    prover_subject: challenge.proverSubject,
    request: JSON.parse(challenge.requestJson) as unknown,
    binding_sha256: challenge.bindingHash.toString('hex'),
    predecessor_id: challenge.predecessorId,
    has_successor: challenge.hasSuccessor,
    approvals: countApprovals(challenge, NOBODY),
    proofs: challenge.proofs.map(proofView),
    created_at: toInstant(challenge.createdAt),
    expires_at: toInstant(challenge.expiresAt),
    satisfied_at: toInstantOrNull(challenge.satisfiedAt),
    rejected_at: toInstantOrNull(challenge.rejectedAt),
    consumed_at: toInstantOrNull(challenge.consumedAt),
    consumed_by: challenge.consumedBy,
    decision_reason: challenge.decisionReason,
  }
}

const NOBODY: ReadonlySet<string> = new Set()

function proofView(proof: Proof): Static<typeof ProofView> {
  return {
    approver: proof.approver,
    owner: proof.owner,
    method: proof.method,
    aal: proof.aal,
    amr: [...proof.amr],
    auth_time: toInstantOrNull(proof.authTime),
    evidence: proof.evidence,
    reason: proof.reason,
    at: toInstant(proof.at),
  }
}
