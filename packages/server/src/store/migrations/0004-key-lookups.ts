import { type Kysely, sql } from 'kysely'

// Whatever is committed or asked of a zone looks rows up by zone and id. While a table has no statistics, PostgreSQL takes
// every index that begins with the zone for as good as the primary key: it took the one of a zone's sessions by application,
// and read all of them for each that it looked for. So on the tables that every request reads, only the primary key begins with
// the zone. A small table that has statistics it would rather read as a whole, and go on so while the table grows.
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [sessions, challenges, ledger, commit]) await sql.raw(statement).execute(db)
}

const sessions = `
DROP INDEX sessions_key;
CREATE UNIQUE INDEX sessions_key ON sessions (key_hash, zone_id);
DROP INDEX sessions_subject;
CREATE INDEX sessions_subject ON sessions (subject_key, zone_id, expires_at);
DROP INDEX sessions_application;
CREATE INDEX sessions_application ON sessions (application_id, zone_id);
`

const challenges = `
DROP INDEX challenges_binding;
CREATE INDEX challenges_binding ON step_up_challenges (binding_hash, zone_id, application_id)
  WHERE consumed_at IS NULL AND rejected_at IS NULL;
DROP INDEX challenges_principal;
CREATE INDEX challenges_principal ON step_up_challenges (principal_id, zone_id, application_id, expires_at)
  WHERE consumed_at IS NULL AND rejected_at IS NULL;
DROP INDEX challenges_predecessor;
CREATE INDEX challenges_predecessor ON step_up_challenges (predecessor_id, zone_id) WHERE predecessor_id IS NOT NULL;
`

const ledger = `
DROP INDEX audit_events_id;
CREATE UNIQUE INDEX audit_events_id ON audit_events (id, zone_id);
`

const commit = 'ALTER FUNCTION commit_batch SET enable_seqscan = off'
