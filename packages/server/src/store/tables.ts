import type { Aal, ChallengeType, Identity } from '@countersign/protocol'
import type { ColumnType, Generated } from 'kysely'

/** Read as milliseconds since the epoch, written as a Date. */
type Instant = ColumnType<number, Date, Date>
type OptionalInstant = ColumnType<number | null, Date | null | undefined, Date | null>
/** Read as parsed JSON, written as JSON text. */
type JsonColumn<T> = ColumnType<T, string, string>
type OptionalJson<T> = ColumnType<T | null, string | null | undefined, string | null>

interface Versioned {
  zone_id: string
  id: string
  version: Generated<number>
  created_at: Instant
  updated_at: Instant
  deleted_at: OptionalInstant
}

export interface ZonesTable {
  id: string
  slug: string
  name: string
  settings: JsonColumn<ZoneSettings>
  version: Generated<number>
  created_at: Instant
  updated_at: Instant
  deleted_at: OptionalInstant
}

/** What a zone may tune. Absent means the default. */
export interface ZoneSettings {
  /** Told of each new challenge, signed. */
  webhook?: { url: string; secret_sealed: string } | undefined
  /** `sampled_allows`: which share of the decisions that allow is recorded, from 0 to 1. Every other decision is. */
  decisions?: { readonly sampled_allows?: number | undefined } | undefined
  /** Tighter assurance limits, in seconds; never looser than NIST SP 800-63B-4. */
  assurance?:
    | {
        aal2_max_age?: number | undefined
        aal2_max_idle?: number | undefined
        aal3_max_age?: number | undefined
        aal3_max_idle?: number | undefined
      }
    | undefined
}

export interface ZoneHeadsTable {
  zone_id: string
  revision: Generated<number>
  policy_version: Generated<number>
  active_set_version_id: string | null
  tree_size: Generated<number>
}

/** What a row of `zone_changes` says has changed. */
export type ChangeKind = 'zone' | 'application' | 'issuer' | 'resource' | 'grant' | 'policy' | 'key'

export interface ZoneChangesTable {
  zone_id: string
  revision: number
  kind: ChangeKind
  id: string
}

export interface SigningKeysTable {
  zone_id: string
  id: string
  public_jwk: JsonColumn<JsonWebKeyRow>
  private_sealed: Buffer
  created_at: Instant
  signs_from: Instant
  retired_at: OptionalInstant
}

/** A public JWK as stored: an elliptic curve key, P-256. */
export interface JsonWebKeyRow {
  kty: string
  crv: string
  x: string
  y: string
}

export type AuthMethod = 'client_secret' | 'private_key_jwt'

export interface JwkSet {
  keys: readonly { readonly [member: string]: unknown }[]
}

export interface ApplicationsTable extends Versioned {
  name: string
  auth_method: AuthMethod
  jwks: OptionalJson<JwkSet>
  owner: OptionalJson<Identity>
  labels: Generated<string[]>
  origins: Generated<string[]>
}

export interface ApplicationSecretsTable {
  zone_id: string
  application_id: string
  id: string
  hash: Buffer
  shown_to: OptionalJson<Identity>
  created_at: Instant
  expires_at: OptionalInstant
}

/** How an issuer's `acr` and `amr` claims map to assurance levels. */
export interface AalMapping {
  acr?: { readonly [acr: string]: Aal } | undefined
  amr?: { readonly [amr: string]: Aal } | undefined
}

export interface SubjectIssuersTable extends Versioned {
  issuer: string
  audience: string
  jwks_uri: string | null
  jwks: OptionalJson<JwkSet>
  aal: JsonColumn<AalMapping>
  applications: string[] | null
}

export interface Upstream {
  url: string
  operations?: readonly unknown[] | undefined
}

export interface ResourcesTable extends Versioned {
  identifier: string
  name: string
  slug: string | null
  scopes: string[]
  served_by: string | null
  upstream: OptionalJson<Upstream>
  upstream_credential_sealed: Buffer | null
}

export interface GrantsTable extends Versioned {
  application_id: string
  resource_id: string
  scopes: string[]
  subject: OptionalJson<Identity>
  label: string | null
  expires_at: OptionalInstant
}

export interface PoliciesTable extends Versioned {
  name: string
  kind: 'rego' | 'data'
  path: string | null
}

export interface PolicyVersionsTable {
  zone_id: string
  id: string
  policy_id: string
  number: number
  source: string | null
  data: OptionalJson<unknown>
  sha256: string
  created_at: Instant
  created_by: string
}

export interface PolicySetsTable extends Versioned {
  name: string
}

export interface PolicySetVersionsTable {
  zone_id: string
  id: string
  policy_set_id: string
  number: number
  policy_versions: string[]
  created_at: Instant
  created_by: string
}

export interface PolicyActivationsTable {
  zone_id: string
  policy_version: number
  policy_set_id: string
  set_version_id: string
  activated_at: Instant
  activated_by: string
}

export interface SessionsTable {
  zone_id: string
  id: string
  kind: 'user' | 'application' | 'agent'
  issuer: string | null
  subject: string
  /** {@link subjectKey} of issuer and subject. */
  subject_key: string
  application_id: string
  key_hash: Buffer
  aal: Aal
  acr: string | null
  amr: Generated<string[]>
  auth_time: OptionalInstant
  token_issued_at: OptionalInstant
  status: Generated<'active' | 'suspended' | 'revoked'>
  status_reason: string | null
  version: Generated<number>
  created_at: Instant
  expires_at: Instant
  last_used_at: Instant
}

export interface SubjectCutoffsTable {
  zone_id: string
  subject_key: string
  not_before: Instant
}

export interface OnceValuesTable {
  zone_id: string
  kind: string
  key: Buffer
  expires_at: Instant
}

/** Mandates for resources that were revoked by whoever held them. */
export interface RevokedMandatesTable {
  zone_id: string
  jti: string
  expires_at: Instant
}

export interface RecoveriesTable {
  zone_id: string
  application_id: string
  key_hash: Buffer
  binding_hash: Buffer
  event_id: string
  challenge_id: string | null
  claims: JsonColumn<{ readonly [claim: string]: unknown }>
  expires_at: Instant
}

/** What a challenge demands, as policy asked for it. Ages in seconds. */
export interface Demand {
  readonly aal?: Aal | undefined
  readonly max_age?: number | undefined
  /** That the authentication must also be later than the challenge; always so without `max_age`. */
  readonly again?: boolean | undefined
  readonly approvals?: number | undefined
  readonly reason?: string | undefined
}

export interface StepUpChallengesTable {
  zone_id: string
  id: string
  session_id: string
  principal_id: string
  application_id: string
  challenge_type: ChallengeType
  demand: JsonColumn<Demand>
  /** Whom an `mfa` prover must name; null when nobody can. */
  prover_subject: OptionalJson<Identity>
  /** Identity keys of the requester set at creation. */
  requesters: string[]
  /** Applications whose present owners and secret holders are requesters too. */
  requester_applications: string[]
  request_json: string
  binding_hash: Buffer
  predecessor_id: string | null
  created_at: Instant
  expires_at: Instant
  satisfied_at: OptionalInstant
  rejected_at: OptionalInstant
  consumed_at: OptionalInstant
  consumed_by: string | null
  decision_reason: string | null
}

export interface ChallengeSecretsTable {
  zone_id: string
  challenge_id: string
  hash: Buffer
}

export interface ChallengeProofsTable {
  zone_id: string
  challenge_id: string
  owner_key: string
  approver: string
  owner: JsonColumn<Identity>
  method: string
  aal: Aal | null
  amr: Generated<string[]>
  auth_time: OptionalInstant
  evidence: OptionalJson<unknown>
  reason: string | null
  at: Instant
}

export interface ChallengeThrottlesTable {
  zone_id: string
  application_id: string
  principal_id: string
  failures: number[]
  blocked_until: OptionalInstant
}

export interface WebhookOutboxTable {
  zone_id: string
  id: string
  payload: string
  attempts: Generated<number>
  next_attempt_at: Instant
  created_at: Instant
}

export interface AuditEventsTable {
  zone_id: string
  leaf_index: number
  id: string
  leaf_hash: Buffer
  event: string
  openings: OptionalJson<{ readonly [path: string]: Opening }>
}

/** What opens a commitment in an event: erasing it erases the personal data, and leaves the leaf hash as it was. */
export interface Opening {
  readonly salt: string
  readonly value: unknown
}

/** What an admin token may be good for. */
export const CAPABILITIES = ['read', 'write', 'audit', 'approve', 'prove', 'attest', 'manage_tokens'] as const
export type Capability = (typeof CAPABILITIES)[number]

export interface AdminTokensTable {
  id: string
  zone_id: string | null
  name: string
  hash: Buffer
  capabilities: Capability[]
  max_aal: Aal | null
  owner: OptionalJson<Identity>
  created_by: string
  created_at: Instant
  expires_at: OptionalInstant
  deleted_at: OptionalInstant
}

export interface AdminAnswersTable {
  actor: string
  key_hash: Buffer
  request_hash: Buffer
  answer_sealed: Buffer
  created_at: Instant
}

/** One text for a subject, equal exactly when issuer and subject both are: a user is never its `sub` alone. */
export function subjectKey(issuer: string | null, subject: string): string {
  return JSON.stringify([issuer, subject])
}

/** Every table, for Kysely. */
export interface Tables {
  zones: ZonesTable
  zone_heads: ZoneHeadsTable
  zone_changes: ZoneChangesTable
  signing_keys: SigningKeysTable
  applications: ApplicationsTable
  application_secrets: ApplicationSecretsTable
  subject_issuers: SubjectIssuersTable
  resources: ResourcesTable
  grants: GrantsTable
  policies: PoliciesTable
  policy_versions: PolicyVersionsTable
  policy_sets: PolicySetsTable
  policy_set_versions: PolicySetVersionsTable
  policy_activations: PolicyActivationsTable
  sessions: SessionsTable
  subject_cutoffs: SubjectCutoffsTable
  once_values: OnceValuesTable
  revoked_mandates: RevokedMandatesTable
  recoveries: RecoveriesTable
  step_up_challenges: StepUpChallengesTable
  challenge_secrets: ChallengeSecretsTable
  challenge_proofs: ChallengeProofsTable
  challenge_throttles: ChallengeThrottlesTable
  webhook_outbox: WebhookOutboxTable
  audit_events: AuditEventsTable
  admin_tokens: AdminTokensTable
  admin_answers: AdminAnswersTable
}
