import type { Progress } from '../report/progress.js'
import type { Node, Rig } from './rig.js'
import { ISSUER } from './zone.js'

/** The size of a grown store, spread evenly over its zones. */
const ZONES = 1_000
const PER_ZONE = { applications: 10, resources: 100, sessions: 1_000, events: 5_000 }
const ZONES_IN_STEP = 50

/**
 * Fills a store with zones made through the API and, written in bulk, what they hold: applications with secrets,
 * resources, grants, sessions, and events whose leaf hashes are those of their bytes. The zones that are there get their
 * share too. Nodes started before do not know of it.
 *
 * @param share how much of the whole, from 0 to 1
 * @returns what is in it, in words
 */
export async function growStore(
  rig: Rig,
  node: Pick<Node, 'port'>,
  share: number,
  progress: Progress,
): Promise<string> {
  const count = Math.max(1, Math.round(ZONES * share))
  for (let n = 1; n < count; n++) {
    const answer = await fetch(`http://127.0.0.1:${node.port}/v1/zones`, {
      method: 'POST',
      headers: { authorization: `Bearer ${rig.adminToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ slug: `grown-${n}`, name: 'Grown' }),
    })
    if (answer.status !== 201) throw new Error(`a zone could not be made: ${answer.status}`)
    await answer.text()
  }
  const { rows } = await rig.database.query<{ zone_id: string }>('SELECT zone_id FROM zone_heads ORDER BY zone_id')
  const zones = rows.map((row) => row.zone_id)
  for (let done = 0; done < zones.length; done += ZONES_IN_STEP) {
    const some = zones.slice(done, done + ZONES_IN_STEP)
    for (const statement of STATEMENTS) {
      const uses = statement.includes('$2')
      await rig.database.query(statement, uses ? [some, ISSUER] : [some])
    }
    progress(`growth: ${Math.min(zones.length, done + ZONES_IN_STEP)} of ${zones.length} zones filled`)
  }
  await rig.database.query('ANALYZE')
  const each = (perZone: number): string => (zones.length * perZone).toLocaleString('en')
  return `${zones.length} zones, ${each(PER_ZONE.applications)} applications, ${each(PER_ZONE.resources)} resources and as many grants, ${each(PER_ZONE.sessions)} sessions, ${each(PER_ZONE.events)} ledger events`
}

const NOW = 'countersign.now()'

const STATEMENTS = [
  `WITH made AS (
     INSERT INTO applications (zone_id, id, name, auth_method, created_at, updated_at)
     SELECT z, gen_random_uuid(), 'grown', 'client_secret', ${NOW}, ${NOW}
     FROM unnest($1::uuid[]) AS z, generate_series(1, ${PER_ZONE.applications}) RETURNING zone_id, id)
   INSERT INTO application_secrets (zone_id, application_id, id, hash, created_at)
   SELECT zone_id, id, gen_random_uuid(), sha256(uuid_send(gen_random_uuid())), ${NOW} FROM made`,

  `INSERT INTO resources (zone_id, id, identifier, name, scopes, created_at, updated_at)
   SELECT z, gen_random_uuid(), 'resource://grown-' || n, 'grown', '{read,write}', ${NOW}, ${NOW}
   FROM unnest($1::uuid[]) AS z, generate_series(1, ${PER_ZONE.resources}) AS n`,

  `INSERT INTO grants (zone_id, id, application_id, resource_id, scopes, created_at, updated_at)
   SELECT r.zone_id, gen_random_uuid(), a.id, r.id, '{read}', ${NOW}, ${NOW}
   FROM (SELECT zone_id, id, row_number() OVER (PARTITION BY zone_id) AS n FROM resources
         WHERE zone_id = ANY ($1::uuid[]) AND name = 'grown') r
   JOIN (SELECT zone_id, id, row_number() OVER (PARTITION BY zone_id) AS n FROM applications
         WHERE zone_id = ANY ($1::uuid[]) AND name = 'grown') a
     ON a.zone_id = r.zone_id AND a.n = r.n % ${PER_ZONE.applications} + 1`,

  `INSERT INTO sessions (zone_id, id, kind, issuer, subject, subject_key, application_id, key_hash, created_at, expires_at,
     last_used_at)
   SELECT a.zone_id, gen_random_uuid(), 'user', $2::text, 'grown-' || s, '["' || $2::text || '","grown-' || s || '"]', a.id,
     sha256(uuid_send(gen_random_uuid())), ${NOW}, ${NOW} + interval '12 hours', ${NOW}
   FROM (SELECT zone_id, id, row_number() OVER (PARTITION BY zone_id) AS n FROM applications
         WHERE zone_id = ANY ($1::uuid[]) AND name = 'grown') a
   JOIN generate_series(1, ${PER_ZONE.sessions}) AS s ON a.n = s % ${PER_ZONE.applications} + 1`,

  // As long as the service's own, with its members in the order of canonical JSON.
  `WITH made AS (
     SELECT h.zone_id, h.tree_size + n - 1 AS leaf, gen_random_uuid() AS id
     FROM zone_heads h, generate_series(1, ${PER_ZONE.events}) AS n WHERE h.zone_id = ANY ($1::uuid[])),
   written AS (
     SELECT zone_id, leaf, id, '{"application_id":"' || zone_id || '","decision":"allow","determining_policies":["payments"],'
       || '"evaluation_status":"complete","id":"' || id || '","ip":{"committed":"' || repeat('A', 43) || '"},"jti":"' || id
       || '","outcome":"issued","request_id":"' || id || '","resources":["resource://grown"],"scopes":["read"],"session_id":"'
       || zone_id || '","subject":{"identity":{"committed":"' || repeat('B', 43)
       || '"},"kind":"user"},"time":"2026-01-01T00:00:00.000Z","type":"token_exchange","use":"resource","v":1,"zone_id":"'
       || zone_id || '"}' AS event FROM made)
   INSERT INTO audit_events (zone_id, leaf_index, id, leaf_hash, event, openings)
   SELECT zone_id, leaf, id, sha256('\\x00'::bytea || convert_to(event, 'UTF8')), event,
     jsonb_build_object('/ip', jsonb_build_object('salt', repeat('C', 22), 'value', '127.0.0.1'),
       '/subject/identity', jsonb_build_object('salt', repeat('D', 22), 'value', jsonb_build_object('kind', 'user', 'id', id)))
   FROM written`,

  `UPDATE zone_heads SET tree_size = tree_size + ${PER_ZONE.events} WHERE zone_id = ANY ($1::uuid[])`,
]
