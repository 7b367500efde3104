import { CHALLENGE_TYPES } from '@countersign/protocol'
import { type Static, Type } from 'typebox'
import type { Demand } from '../store/tables.js'
import type { ListedChallenge } from './admin-queries.js'
import { countApprovals } from './judge.js'
import type { Proof } from './record.js'

export const CHALLENGE_STATES = ['pending', 'satisfied', 'rejected', 'expired', 'consumed'] as const

const instant = Type.String({ format: 'date-time' })
const optional = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()])

/** An identity as it is written on the wire. */
export const IdentityBody = Type.Object(
  {
    kind: Type.Enum(['user', 'application', 'agent']),
    issuer: Type.Optional(Type.String({ minLength: 1, maxLength: 2048 })),
    id: Type.String({ minLength: 1, maxLength: 1024 }),
  },
  { additionalProperties: false },
)

/** How many proofs a challenge has, of how many. */
export const Approvals = Type.Object({ have: Type.Integer(), need: Type.Integer() })

const ProofView = Type.Object({
  approver: Type.String({ description: 'The credential that gave it, as `admin:<token id>`.' }),
  owner: IdentityBody,
  method: Type.String(),
  aal: optional(Type.String()),
  amr: Type.Array(Type.String()),
  auth_time: optional(instant),
  evidence: Type.Unknown(),
  reason: optional(Type.String()),
  at: instant,
})

/** A challenge as an administrator or approver sees it. */
export const ChallengeView = Type.Object({
  id: Type.String({ format: 'uuid' }),
  zone_id: Type.String({ format: 'uuid' }),
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
  application: Type.Object({ id: Type.String({ format: 'uuid' }), name: optional(Type.String()) }),
  principal_id: Type.String(),
  session_id: Type.String({ format: 'uuid' }),
  prover_subject: optional(IdentityBody),
  request: Type.Unknown({ description: 'The request exactly as bound: what an approval is for, and nothing else.' }),
  binding_sha256: Type.String({ description: 'SHA-256 of the canonical JSON of `request`, hex.' }),
  predecessor_id: optional(Type.String({ format: 'uuid' })),
  has_successor: Type.Boolean({ description: 'Whether a later challenge of the same request stands on this one.' }),
  approvals: Approvals,
  proofs: Type.Array(ProofView),
  created_at: instant,
  expires_at: instant,
  satisfied_at: optional(instant),
  rejected_at: optional(instant),
  consumed_at: optional(instant),
  consumed_by: optional(Type.String({ description: 'The audit event of the exchange that used it.' })),
  decision_reason: optional(Type.String()),
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
    created_at: written(challenge.createdAt),
    expires_at: written(challenge.expiresAt),
    satisfied_at: writtenOrNull(challenge.satisfiedAt),
    rejected_at: writtenOrNull(challenge.rejectedAt),
    consumed_at: writtenOrNull(challenge.consumedAt),
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
    auth_time: writtenOrNull(proof.authTime),
    evidence: proof.evidence,
    reason: proof.reason,
    at: written(proof.at),
  }
}

function written(ms: number): string {
  return new Date(ms).toISOString()
}

function writtenOrNull(ms: number | null): string | null {
  return ms === null ? null : written(ms)
}
