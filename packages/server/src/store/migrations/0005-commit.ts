import { type Kysely, sql } from 'kysely'

/** The one transaction: see `commit/encode.ts` for what goes in and what comes out. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(challengesBinding).execute(db)
  await sql`DROP FUNCTION IF EXISTS commit_batch`.execute(db)
  await sql.raw(commitBatch).execute(db)
}

// Of all challenges, not of the live ones alone: of an index of few rows PostgreSQL thinks before the first that to read all of
// it costs nothing, and so it took that of the live ones by principal in this one's place.
const challengesBinding = `
DROP INDEX challenges_binding;
CREATE INDEX challenges_binding ON step_up_challenges (binding_hash, expires_at);
`

// Statement by statement, because in READ COMMITTED each statement sees what was committed before *it*: the first
// takes the zones' locks and reads nothing but the rows that it locked, as they are once it has them, and only what the later
// ones read is known to stand.
//
// First every check, over all items; then every write, for the items that passed. Between the two nothing can change,
// since whoever changes a zone holds its lock. An item that fails a check writes nothing and is answered with why.
//
// A batch looks up a few dozen keys of tables of any size, so each is looked up by itself, in a subquery or LATERAL that the
// planner cannot turn into something else (OFFSET 0), and otherwise in nested loops. Left to choose, most of all while it has
// no statistics yet, it reads a zone's challenges or sessions as a whole: 600 and 400 rows for each challenge consumed, which
// took 0.65 ms instead of 0.1, and for each new one all live challenges of its application: 47 ms a batch among 5,000. For
// the same reason no plan depends on the values of a batch, and so none is made anew for one: for those of less than ten items
// PostgreSQL would otherwise do so every time, and a batch of four took 1.5 times as long.
//
// To start a statement costs as much as two or three of its rows. So what few batches need is behind a condition, and an item
// comes with its place among its zone's items: numbered here, with window and sort, a batch of 32 takes 1.2 times as long.
const commitBatch = `
CREATE FUNCTION commit_batch(
  resubmitted boolean, zones uuid[], revisions bigint[], counts int[],
  places int[], offsets int[], ids uuid[], hashes bytea[], events text[], opened text[],
  anchor_items int[], anchor_ids uuid[], anchor_versions bigint[],
  consume_items int[], consume_ids uuid[], consume_applications uuid[], consume_sessions uuid[], consume_principals text[],
  consume_bindings bytea[], consume_secrets bytea[], p jsonb,
  OUT firsts text, OUT verdicts text
)
LANGUAGE plpgsql VOLATILE
SET search_path = countersign SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  t timestamptz;
  sizes bigint[];
  finished int[] := '{}';
  stale int[];
  replayed int[] := '{}';
  capped int[] := '{}';
  dead int[];
BEGIN
  SELECT array_agg(CASE WHEN h.revision = z.revision THEN h.tree_size END ORDER BY z.place), countersign.now() INTO sizes, t
    FROM unnest(zones, revisions) WITH ORDINALITY AS z(id, revision, place)
    LEFT JOIN LATERAL (SELECT revision, tree_size FROM zone_heads WHERE zone_id = z.id OFFSET 0 FOR NO KEY UPDATE) h ON true;

  IF resubmitted THEN
    finished := ARRAY(
      SELECT i.n FROM unnest(places, ids) WITH ORDINALITY AS i(place, id, n)
      JOIN audit_events e ON e.zone_id = zones[i.place] AND e.id = i.id);
  END IF;

  stale := ARRAY(
    SELECT a.n FROM unnest(anchor_items, anchor_ids, anchor_versions) AS a(n, id, v)
    WHERE (SELECT true FROM sessions s WHERE s.zone_id = zones[places[a.n]] AND s.id = a.id
             AND s.version = a.v AND s.status = 'active' AND s.expires_at > t) IS NULL);
  IF array_position(sizes, NULL) IS NOT NULL THEN
    stale := stale || ARRAY(
      SELECT i.n FROM unnest(places) WITH ORDINALITY AS i(place, n) WHERE sizes[i.place] IS NULL);
  END IF;

  IF consume_items IS NOT NULL THEN
    stale := stale || ARRAY(
      SELECT c.n
      FROM unnest(consume_items, consume_ids, consume_applications, consume_sessions, consume_principals, consume_bindings,
          consume_secrets) AS c(n, id, application, session, principal, binding, secret)
      LEFT JOIN LATERAL (SELECT * FROM step_up_challenges WHERE zone_id = zones[places[c.n]] AND id = c.id OFFSET 0) s
        ON s.application_id = c.application AND s.session_id = c.session AND s.principal_id = c.principal
        AND s.binding_hash = c.binding
        AND s.satisfied_at IS NOT NULL AND s.rejected_at IS NULL AND s.consumed_at IS NULL AND s.expires_at > t
      WHERE s.id IS NULL OR (c.secret IS NOT NULL AND (
        (SELECT true FROM challenge_secrets k
         WHERE k.zone_id = s.zone_id AND k.challenge_id = c.id AND k.hash = c.secret) IS NULL
        OR (SELECT true FROM step_up_challenges x
            WHERE x.zone_id = s.zone_id AND x.predecessor_id = c.id LIMIT 1) IS NOT NULL)));
  END IF;

  IF p IS NOT NULL THEN
    IF p ? 'opens' THEN
      stale := stale || ARRAY(
        SELECT o.n FROM jsonb_to_recordset(p->'opens')
          AS o(n int, zone uuid, key_hash bytea, subject_key text, token_issued_at timestamptz)
        WHERE (SELECT true FROM sessions s WHERE s.zone_id = o.zone AND s.key_hash = o.key_hash
                 AND (s.status <> 'active' OR s.expires_at > t)) IS NOT NULL
          OR (SELECT true FROM subject_cutoffs c WHERE c.zone_id = o.zone AND c.subject_key = o.subject_key
                AND c.not_before > o.token_issued_at) IS NOT NULL);
    END IF;

    IF p ? 'once' THEN
      replayed := ARRAY(
        SELECT o.n FROM jsonb_to_recordset(p->'once') AS o(n int, zone uuid, kind text, key bytea)
        JOIN once_values u ON u.zone_id = o.zone AND u.kind = o.kind AND u.key = o.key);
    END IF;

    IF p ? 'recoveries' THEN
      stale := stale || ARRAY(
        SELECT r.n FROM jsonb_to_recordset(p->'recoveries') AS r(n int, zone uuid, application uuid, key_hash bytea)
        JOIN recoveries k ON k.zone_id = r.zone AND k.application_id = r.application AND k.key_hash = r.key_hash
        WHERE k.expires_at > t);
    END IF;

    IF p ? 'recovered' THEN
      stale := stale || ARRAY(
        SELECT r.n FROM jsonb_to_recordset(p->'recovered') AS r(n int, zone uuid, jti uuid)
        JOIN revoked_mandates m ON m.zone_id = r.zone AND m.jti = r.jti);
    END IF;

    IF p ? 'throttles' THEN
      stale := stale || ARRAY(
        SELECT x.n FROM jsonb_to_recordset(p->'throttles') AS x(n int, zone uuid, application uuid, principal text)
        JOIN challenge_throttles k
          ON k.zone_id = x.zone AND k.application_id = x.application AND k.principal_id = x.principal
        WHERE k.blocked_until > t);
    END IF;

    IF p ? 'creates' THEN
      stale := stale || ARRAY(
        SELECT c.n FROM jsonb_to_recordset(p->'creates')
          AS c(n int, zone uuid, application uuid, binding bytea, chain uuid[], predecessor uuid)
        WHERE EXISTS (SELECT FROM (SELECT * FROM step_up_challenges
                                   WHERE binding_hash = c.binding AND expires_at > t OFFSET 0) s
                      WHERE s.zone_id = c.zone AND s.application_id = c.application
                        AND s.consumed_at IS NULL AND s.rejected_at IS NULL AND s.id <> ALL (c.chain)
                        AND NOT EXISTS (SELECT FROM step_up_challenges x
                                        WHERE x.zone_id = s.zone_id AND x.predecessor_id = s.id))
          OR EXISTS (SELECT FROM unnest(c.chain) AS link(id)
                     LEFT JOIN step_up_challenges s ON s.zone_id = c.zone AND s.id = link.id
                     WHERE s.satisfied_at IS NULL OR s.rejected_at IS NOT NULL OR s.consumed_at IS NOT NULL
                        OR s.expires_at <= t)
          OR (SELECT true FROM step_up_challenges s
              WHERE s.zone_id = c.zone AND s.predecessor_id = c.predecessor LIMIT 1) IS NOT NULL);
      capped := ARRAY(
        SELECT w.n FROM (
          SELECT c.n, row_number() OVER (PARTITION BY c.zone, c.application, c.principal ORDER BY c.n) + (
            -- No further than it matters, and with nothing read but what lives: those that have expired stay for a day.
            SELECT count(*) FROM (
              SELECT FROM step_up_challenges s
              WHERE s.zone_id = c.zone AND s.application_id = c.application AND s.principal_id = c.principal
                AND s.consumed_at IS NULL AND s.rejected_at IS NULL AND s.expires_at > t
              LIMIT (p->>'most_live')::int) l) AS live
          FROM jsonb_to_recordset(p->'creates') AS c(n int, zone uuid, application uuid, principal text)
          WHERE c.n <> ALL (stale)) w
        WHERE w.live > (p->>'most_live')::int);
    END IF;

    IF p ? 'joins' THEN
      stale := stale || ARRAY(
        SELECT j.n FROM jsonb_to_recordset(p->'joins') AS j(n int, zone uuid, id uuid)
        LEFT JOIN step_up_challenges s ON s.zone_id = j.zone AND s.id = j.id
          AND s.consumed_at IS NULL AND s.rejected_at IS NULL AND s.expires_at > t
        WHERE s.id IS NULL);
      capped := capped || ARRAY(
        SELECT j.n FROM jsonb_to_recordset(p->'joins') AS j(n int, zone uuid, id uuid)
        WHERE (SELECT count(*) FROM challenge_secrets k WHERE k.zone_id = j.zone AND k.challenge_id = j.id)
          >= (p->>'most_secrets')::int);
    END IF;
  END IF;

  dead := finished || stale || replayed || capped;

  IF dead <> '{}' THEN
    -- Those that are left close ranks.
    offsets := ARRAY(
      SELECT CASE WHEN i.n <> ALL (dead) THEN
          count(*) FILTER (WHERE i.n <> ALL (dead)) OVER (PARTITION BY i.place ORDER BY i.n) - 1 END
      FROM unnest(places) WITH ORDINALITY AS i(place, n) ORDER BY i.n);
    counts := ARRAY(
      SELECT (SELECT count(i.nth) FROM unnest(places, offsets) AS i(place, nth) WHERE i.place = z.place)
      FROM generate_subscripts(zones, 1) AS z(place) ORDER BY z.place);
  END IF;

  IF consume_items IS NOT NULL THEN
    UPDATE step_up_challenges s SET consumed_at = t, consumed_by = ids[c.n]
      FROM unnest(consume_items, consume_ids) AS c(n, id)
      WHERE s.zone_id = zones[places[c.n]] AND s.id = c.id AND s.consumed_at IS NULL AND c.n <> ALL (dead);
  END IF;

  IF p IS NOT NULL THEN
    IF p ? 'opens' THEN
      -- A session that has run its time gives its key to the one that follows; one that was ended by somebody keeps it.
      UPDATE sessions s SET key_hash = sha256(s.key_hash || uuid_send(s.id))
        FROM jsonb_to_recordset(p->'opens') AS o(n int, zone uuid, key_hash bytea)
        WHERE s.zone_id = o.zone AND s.key_hash = o.key_hash AND o.n <> ALL (dead);
      INSERT INTO sessions (zone_id, id, kind, issuer, subject, subject_key, application_id, key_hash, aal, acr, amr, auth_time,
                            token_issued_at, created_at, expires_at, last_used_at)
        SELECT o.zone, o.id, o.kind, o.issuer, o.subject, o.subject_key, o.application, o.key_hash, o.aal, o.acr, o.amr, o.auth_time,
               o.token_issued_at, t, o.expires_at, t
        FROM jsonb_to_recordset(p->'opens')
          AS o(n int, zone uuid, id uuid, kind text, issuer text, subject text, subject_key text, application uuid, key_hash bytea, aal text,
               acr text, amr text[], auth_time timestamptz, token_issued_at timestamptz, expires_at timestamptz)
        WHERE o.n <> ALL (dead);
    END IF;

    IF p ? 'raises' THEN
      UPDATE sessions s SET aal = r.aal, acr = r.acr, amr = r.amr, auth_time = r.auth_time,
          token_issued_at = coalesce(r.token_issued_at, s.token_issued_at), version = s.version + 1
        FROM jsonb_to_recordset(p->'raises')
          AS r(n int, zone uuid, id uuid, aal text, acr text, amr text[], auth_time timestamptz, token_issued_at timestamptz)
        WHERE s.zone_id = r.zone AND s.id = r.id AND r.n <> ALL (dead);
    END IF;

    IF p ? 'once' THEN
      INSERT INTO once_values (zone_id, kind, key, expires_at)
        SELECT o.zone, o.kind, o.key, o.expires_at
        FROM jsonb_to_recordset(p->'once') AS o(n int, zone uuid, kind text, key bytea, expires_at timestamptz)
        WHERE o.n <> ALL (dead);
    END IF;

    IF p ? 'recoveries' THEN
      INSERT INTO recoveries AS k (zone_id, application_id, key_hash, binding_hash, event_id, challenge_id, claims, expires_at)
        SELECT r.zone, r.application, r.key_hash, r.binding, r.event, r.challenge, r.claims, r.expires_at
        FROM jsonb_to_recordset(p->'recoveries')
          AS r(n int, zone uuid, application uuid, key_hash bytea, binding bytea, event uuid, challenge uuid, claims jsonb,
               expires_at timestamptz)
        WHERE r.n <> ALL (dead)
        ON CONFLICT (zone_id, application_id, key_hash) DO UPDATE SET binding_hash = EXCLUDED.binding_hash,
          event_id = EXCLUDED.event_id, challenge_id = EXCLUDED.challenge_id, claims = EXCLUDED.claims,
          expires_at = EXCLUDED.expires_at;
    END IF;

    IF p ? 'creates' THEN
      INSERT INTO step_up_challenges (zone_id, id, session_id, principal_id, application_id, challenge_type, demand,
          prover_subject, requesters, requester_applications, request_json, binding_hash, predecessor_id, created_at, expires_at)
        SELECT c.zone, c.id, c.session, c.principal, c.application, c.type, c.demand, c.prover_subject, c.requesters,
          c.requester_applications, c.request, c.binding, c.predecessor, c.created_at, c.expires_at
        FROM jsonb_to_recordset(p->'creates')
          AS c(n int, zone uuid, id uuid, session uuid, principal text, application uuid, type text, demand jsonb,
               prover_subject jsonb, requesters text[], requester_applications uuid[], request text, binding bytea,
               predecessor uuid, created_at timestamptz, expires_at timestamptz)
        WHERE c.n <> ALL (dead);
      -- Most follow no other; asked so, the planner does not look through the whole zone for nothing.
      IF EXISTS (SELECT FROM jsonb_to_recordset(p->'creates') AS c(predecessor uuid) WHERE c.predecessor IS NOT NULL) THEN
        UPDATE step_up_challenges s SET expires_at = greatest(s.expires_at, c.expires_at)
          FROM jsonb_to_recordset(p->'creates') AS c(n int, zone uuid, chain uuid[], expires_at timestamptz),
            unnest(c.chain) AS link(id)
          WHERE s.zone_id = c.zone AND s.id = link.id AND c.n <> ALL (dead);
      END IF;
      INSERT INTO webhook_outbox (zone_id, id, payload, next_attempt_at, created_at)
        SELECT c.zone, c.id, c.webhook, t, t
        FROM jsonb_to_recordset(p->'creates') AS c(n int, zone uuid, id uuid, webhook text)
        WHERE c.webhook IS NOT NULL AND c.n <> ALL (dead);
    END IF;

    IF p ? 'secrets' THEN
      INSERT INTO challenge_secrets (zone_id, challenge_id, hash)
        SELECT k.zone, k.id, k.secret FROM jsonb_to_recordset(p->'secrets') AS k(n int, zone uuid, id uuid, secret bytea)
        WHERE k.n <> ALL (dead);
    END IF;

    IF p ? 'throttles' THEN
      DELETE FROM challenge_throttles k
        USING jsonb_to_recordset(p->'throttles') AS x(n int, zone uuid, application uuid, principal text, failed boolean)
        WHERE k.zone_id = x.zone AND k.application_id = x.application AND k.principal_id = x.principal
          AND NOT x.failed AND x.n <> ALL (dead);
      INSERT INTO challenge_throttles AS k (zone_id, application_id, principal_id, failures)
        SELECT x.zone, x.application, x.principal, ARRAY[t]
        FROM jsonb_to_recordset(p->'throttles') AS x(n int, zone uuid, application uuid, principal text, failed boolean)
        WHERE x.failed AND x.n <> ALL (dead)
        ON CONFLICT (zone_id, application_id, principal_id) DO UPDATE SET failures =
          ARRAY(SELECT f FROM unnest(k.failures) AS f WHERE f > t - (p->>'window_seconds')::int * interval '1 second') || t;
      UPDATE challenge_throttles k
        SET failures = '{}', blocked_until = t + (p->>'cooldown_seconds')::int * interval '1 second'
        FROM jsonb_to_recordset(p->'throttles') AS x(n int, zone uuid, application uuid, principal text, failed boolean)
        WHERE k.zone_id = x.zone AND k.application_id = x.application AND k.principal_id = x.principal AND x.failed
          AND x.n <> ALL (dead) AND cardinality(k.failures) >= (p->>'most_failures')::int;
    END IF;
  END IF;

  UPDATE zone_heads h SET tree_size = h.tree_size + z.leaves
    FROM unnest(zones, counts) AS z(id, leaves) WHERE h.zone_id = z.id AND z.leaves > 0;
  -- The events, a kilobyte each, go from the arrays straight into the table. Their openings are json, which is checked and
  -- then stored as it came.
  INSERT INTO audit_events (zone_id, leaf_index, id, leaf_hash, event, openings)
    SELECT zones[i.place], sizes[i.place] + i.nth, i.id, hashes[i.n], events[i.n], opened[i.n]::json
    FROM unnest(places, offsets, ids) WITH ORDINALITY AS i(place, nth, id, n)
    WHERE i.nth IS NOT NULL;

  firsts := array_to_string(sizes, ' ');
  IF dead <> '{}' THEN
    verdicts := (
      SELECT string_agg(CASE
          WHEN i.n = ANY (finished)
            THEN (SELECT e.leaf_index::text FROM audit_events e WHERE e.zone_id = zones[i.place] AND e.id = i.id)
          WHEN i.nth IS NOT NULL THEN (sizes[i.place] + i.nth)::text
          WHEN i.n = ANY (stale) THEN 'stale'
          WHEN i.n = ANY (replayed) THEN 'replayed'
          ELSE 'capped' END, ' ' ORDER BY i.n)
      FROM unnest(places, offsets, ids) WITH ORDINALITY AS i(place, nth, id, n));
  END IF;
END $$;
`
