import { type Kysely, sql } from 'kysely'

// A commit looks sessions and challenges up by zone and id. PostgreSQL weighs every index that holds one of the two, by costs that
// don't differ while a table is small or has no statistics, and keeps what it chose while the table grows: it took the index of
// sessions by application, and read all of a zone's sessions for each that it looked for. So only the primary key holds them.
// Applications and challenges have ids that are nobody else's, and a session's key is a hash over such an id: what these find
// is of one zone by itself.
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [sessions, challenges]) await sql.raw(statement).execute(db)
}

const sessions = `
DROP INDEX sessions_key;
CREATE UNIQUE INDEX sessions_key ON sessions (key_hash);
DROP INDEX sessions_subject;
CREATE INDEX sessions_subject ON sessions (subject_key, expires_at);
DROP INDEX sessions_application;
CREATE INDEX sessions_application ON sessions (application_id);
`

const challenges = `
DROP INDEX challenges_binding;
CREATE INDEX challenges_binding ON step_up_challenges (binding_hash, application_id)
  WHERE consumed_at IS NULL AND rejected_at IS NULL;
DROP INDEX challenges_principal;
CREATE INDEX challenges_principal ON step_up_challenges (application_id, principal_id, expires_at)
  WHERE consumed_at IS NULL AND rejected_at IS NULL;
DROP INDEX challenges_predecessor;
CREATE INDEX challenges_predecessor ON step_up_challenges (predecessor_id) WHERE predecessor_id IS NOT NULL;
`
