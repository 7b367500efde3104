import { type Kysely, sql } from 'kysely'

/**
 * The tables of the service. Three rules hold throughout:
 *
 * - Primary keys start with the zone and every query names it, so nothing crosses a tenant boundary by a forgotten join.
 * - There are no foreign keys on hot tables: order comes from the zone's lock (see `commit`), not from key checks.
 * - Durable time is `countersign.now()`, the database's own clock, which tests shift through the one row of `clock`.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [clock, zones, authority, policies, sessions, challenges, ledger, administration]) {
    await sql.raw(statement).execute(db)
  }
}

const clock = `
CREATE TABLE clock (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  shift interval NOT NULL DEFAULT '0'
);
INSERT INTO clock DEFAULT VALUES;
CREATE FUNCTION now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
  AS 'SELECT clock_timestamp() + shift FROM countersign.clock';
`

// zone_heads is the row that orders everything in a zone: whoever changes the zone locks it first.
const zones = `
CREATE TABLE zones (
  id uuid PRIMARY KEY,
  slug text NOT NULL,
  name text NOT NULL,
  settings jsonb NOT NULL DEFAULT '{}',
  version bigint NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  deleted_at timestamptz
);
CREATE UNIQUE INDEX zones_slug ON zones (slug) WHERE deleted_at IS NULL;

CREATE TABLE zone_heads (
  zone_id uuid PRIMARY KEY,
  revision bigint NOT NULL DEFAULT 1,
  policy_version bigint NOT NULL DEFAULT 0,
  active_set_version_id uuid,
  tree_size bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 20);

CREATE TABLE zone_changes (
  zone_id uuid NOT NULL,
  revision bigint NOT NULL,
  kind text NOT NULL,
  id text NOT NULL,
  PRIMARY KEY (zone_id, revision, kind, id)
);

CREATE TABLE signing_keys (
  zone_id uuid NOT NULL,
  id text NOT NULL,
  public_jwk jsonb NOT NULL,
  private_sealed bytea NOT NULL,
  created_at timestamptz NOT NULL,
  signs_from timestamptz NOT NULL,
  retired_at timestamptz,
  PRIMARY KEY (zone_id, id)
);
`

const authority = `
CREATE TABLE applications (
  zone_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  auth_method text NOT NULL,
  jwks jsonb,
  owner jsonb,
  labels text[] NOT NULL DEFAULT '{}',
  origins text[] NOT NULL DEFAULT '{}',
  version bigint NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  deleted_at timestamptz,
  PRIMARY KEY (zone_id, id)
);
CREATE INDEX applications_id ON applications (id);
CREATE INDEX applications_origins ON applications USING gin (origins) WHERE deleted_at IS NULL;

-- Secrets stay after they expire: whoever was shown one may never approve for the application.
CREATE TABLE application_secrets (
  zone_id uuid NOT NULL,
  application_id uuid NOT NULL,
  id uuid NOT NULL,
  hash bytea NOT NULL,
  shown_to jsonb,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  PRIMARY KEY (zone_id, application_id, id)
);

CREATE TABLE subject_issuers (
  zone_id uuid NOT NULL,
  id uuid NOT NULL,
  issuer text NOT NULL,
  audience text NOT NULL,
  jwks_uri text,
  jwks jsonb,
  aal jsonb NOT NULL DEFAULT '{}',
  applications uuid[],
  version bigint NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  deleted_at timestamptz,
  PRIMARY KEY (zone_id, id)
);
CREATE UNIQUE INDEX subject_issuers_issuer ON subject_issuers (zone_id, issuer, audience) WHERE deleted_at IS NULL;

CREATE TABLE resources (
  zone_id uuid NOT NULL,
  id uuid NOT NULL,
  identifier text NOT NULL,
  name text NOT NULL,
  slug text,
  scopes text[] NOT NULL,
  served_by uuid,
  upstream jsonb,
  upstream_credential_sealed bytea,
  version bigint NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  deleted_at timestamptz,
  PRIMARY KEY (zone_id, id)
);
CREATE UNIQUE INDEX resources_identifier ON resources (zone_id, identifier) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX resources_slug ON resources (zone_id, slug) WHERE deleted_at IS NULL AND slug IS NOT NULL;

CREATE TABLE grants (
  zone_id uuid NOT NULL,
  id uuid NOT NULL,
  application_id uuid NOT NULL,
  resource_id uuid NOT NULL,
  scopes text[] NOT NULL,
  subject jsonb,
  label text,
  expires_at timestamptz,
  version bigint NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  deleted_at timestamptz,
  PRIMARY KEY (zone_id, id)
);
CREATE INDEX grants_application ON grants (zone_id, application_id, resource_id) WHERE deleted_at IS NULL;
`

const policies = `
CREATE TABLE policies (
  zone_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('rego', 'data')),
  path text,
  version bigint NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  deleted_at timestamptz,
  PRIMARY KEY (zone_id, id)
);
CREATE UNIQUE INDEX policies_name ON policies (zone_id, name) WHERE deleted_at IS NULL;

CREATE TABLE policy_versions (
  zone_id uuid NOT NULL,
  id uuid NOT NULL,
  policy_id uuid NOT NULL,
  number integer NOT NULL,
  source text,
  data jsonb,
  sha256 text NOT NULL,
  created_at timestamptz NOT NULL,
  created_by text NOT NULL,
  PRIMARY KEY (zone_id, id)
);
CREATE UNIQUE INDEX policy_versions_number ON policy_versions (zone_id, policy_id, number);

CREATE TABLE policy_sets (
  zone_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  version bigint NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  deleted_at timestamptz,
  PRIMARY KEY (zone_id, id)
);
CREATE UNIQUE INDEX policy_sets_name ON policy_sets (zone_id, name) WHERE deleted_at IS NULL;

CREATE TABLE policy_set_versions (
  zone_id uuid NOT NULL,
  id uuid NOT NULL,
  policy_set_id uuid NOT NULL,
  number integer NOT NULL,
  policy_versions uuid[] NOT NULL,
  created_at timestamptz NOT NULL,
  created_by text NOT NULL,
  PRIMARY KEY (zone_id, id)
);
CREATE UNIQUE INDEX policy_set_versions_number ON policy_set_versions (zone_id, policy_set_id, number);

CREATE TABLE policy_activations (
  zone_id uuid NOT NULL,
  policy_version bigint NOT NULL,
  policy_set_id uuid NOT NULL,
  set_version_id uuid NOT NULL,
  activated_at timestamptz NOT NULL,
  activated_by text NOT NULL,
  PRIMARY KEY (zone_id, policy_version)
);
`

// version changes with everything that matters to an exchange; last_used_at does not.
const sessions = `
CREATE TABLE sessions (
  zone_id uuid NOT NULL,
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('user', 'application', 'agent')),
  issuer text,
  subject text NOT NULL,
  subject_key text NOT NULL,
  application_id uuid NOT NULL,
  key_hash bytea NOT NULL,
  aal text NOT NULL DEFAULT 'aal1',
  acr text,
  amr text[] NOT NULL DEFAULT '{}',
  auth_time timestamptz,
  token_issued_at timestamptz,
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'revoked')),
  status_reason text,
  version bigint NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL,
  PRIMARY KEY (zone_id, id)
);
CREATE UNIQUE INDEX sessions_key ON sessions (zone_id, key_hash);
CREATE INDEX sessions_subject ON sessions (zone_id, subject_key, expires_at);
CREATE INDEX sessions_application ON sessions (zone_id, application_id);

-- Tokens issued to a subject before not_before are refused.
CREATE TABLE subject_cutoffs (
  zone_id uuid NOT NULL,
  subject_key text NOT NULL,
  not_before timestamptz NOT NULL,
  PRIMARY KEY (zone_id, subject_key)
);

-- Values that may be used once: the jti of client assertions.
CREATE TABLE once_values (
  zone_id uuid NOT NULL,
  kind text NOT NULL,
  key bytea NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (zone_id, kind, key)
);
CREATE INDEX once_values_expiry ON once_values (expires_at);

-- What an Idempotency-Key recovers: the claims that were issued, never the token.
CREATE TABLE recoveries (
  zone_id uuid NOT NULL,
  application_id uuid NOT NULL,
  key_hash bytea NOT NULL,
  binding_hash bytea NOT NULL,
  event_id uuid NOT NULL,
  challenge_id uuid,
  claims jsonb NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (zone_id, application_id, key_hash)
);
CREATE INDEX recoveries_expiry ON recoveries (expires_at);
`

// A challenge is written three times, when it is made, satisfied and consumed: half of each page is left for the later two.
// On the page of the row they take 0.9 of the time, and 0.87 of the log.
const challenges = `
CREATE TABLE step_up_challenges (
  zone_id uuid NOT NULL,
  id uuid NOT NULL,
  session_id uuid NOT NULL,
  principal_id text NOT NULL,
  application_id uuid NOT NULL,
  challenge_type text NOT NULL,
  demand jsonb NOT NULL,
  prover_subject jsonb,
  requesters text[] NOT NULL,
  requester_applications uuid[] NOT NULL,
  request_json text NOT NULL,
  binding_hash bytea NOT NULL,
  predecessor_id uuid,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  satisfied_at timestamptz,
  rejected_at timestamptz,
  consumed_at timestamptz,
  consumed_by uuid,
  decision_reason text,
  PRIMARY KEY (zone_id, id)
) WITH (fillfactor = 50);
CREATE INDEX challenges_binding ON step_up_challenges (zone_id, application_id, binding_hash)
  WHERE consumed_at IS NULL AND rejected_at IS NULL;
CREATE INDEX challenges_principal ON step_up_challenges (zone_id, application_id, principal_id, expires_at)
  WHERE consumed_at IS NULL AND rejected_at IS NULL;
CREATE INDEX challenges_predecessor ON step_up_challenges (zone_id, predecessor_id) WHERE predecessor_id IS NOT NULL;
CREATE INDEX challenges_expiry ON step_up_challenges (expires_at);

CREATE TABLE challenge_secrets (
  zone_id uuid NOT NULL,
  challenge_id uuid NOT NULL,
  hash bytea NOT NULL,
  PRIMARY KEY (zone_id, challenge_id, hash)
);

CREATE TABLE challenge_proofs (
  zone_id uuid NOT NULL,
  challenge_id uuid NOT NULL,
  owner_key text NOT NULL,
  approver text NOT NULL,
  owner jsonb NOT NULL,
  method text NOT NULL,
  aal text,
  amr text[] NOT NULL DEFAULT '{}',
  auth_time timestamptz,
  evidence jsonb,
  reason text,
  at timestamptz NOT NULL,
  PRIMARY KEY (zone_id, challenge_id, owner_key)
);

CREATE TABLE challenge_throttles (
  zone_id uuid NOT NULL,
  application_id uuid NOT NULL,
  principal_id text NOT NULL,
  failures timestamptz[] NOT NULL,
  blocked_until timestamptz,
  PRIMARY KEY (zone_id, application_id, principal_id)
);

CREATE TABLE webhook_outbox (
  zone_id uuid NOT NULL,
  id uuid NOT NULL,
  payload text NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (zone_id, id)
);
CREATE INDEX webhook_outbox_due ON webhook_outbox (next_attempt_at);
`

// event holds the exact canonical bytes that leaf_hash covers; openings what personal data in it is committed to.
const ledger = `
CREATE TABLE audit_events (
  zone_id uuid NOT NULL,
  leaf_index bigint NOT NULL,
  id uuid NOT NULL,
  leaf_hash bytea NOT NULL,
  event text NOT NULL,
  openings json,
  PRIMARY KEY (zone_id, leaf_index)
);
CREATE UNIQUE INDEX audit_events_id ON audit_events (zone_id, id);

CREATE FUNCTION append_event(zone uuid, event_id uuid, hash bytea, canonical text, opened json) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE next_index bigint;
BEGIN
  UPDATE countersign.zone_heads SET tree_size = tree_size + 1 WHERE zone_id = zone RETURNING tree_size - 1 INTO next_index;
  INSERT INTO countersign.audit_events (zone_id, leaf_index, id, leaf_hash, event, openings)
    VALUES (zone, next_index, event_id, hash, canonical, opened);
  RETURN next_index;
END $$;
`

const administration = `
CREATE TABLE admin_tokens (
  id uuid PRIMARY KEY,
  zone_id uuid,
  name text NOT NULL,
  hash bytea NOT NULL UNIQUE,
  capabilities text[] NOT NULL,
  max_aal text,
  owner jsonb,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  deleted_at timestamptz
);
CREATE INDEX admin_tokens_zone ON admin_tokens (zone_id);

-- Answers to repeat for an Idempotency-Key, sealed, since they may hold a secret that is shown once.
CREATE TABLE admin_answers (
  actor text NOT NULL,
  key_hash bytea NOT NULL,
  request_hash bytea NOT NULL,
  answer_sealed bytea NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (actor, key_hash)
);
CREATE INDEX admin_answers_age ON admin_answers (created_at);
`
