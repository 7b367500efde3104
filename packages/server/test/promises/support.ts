import { createHash } from 'node:crypto'
import { TOKEN_EXCHANGE } from '@countersign/protocol'
import pg from 'pg'
import { expect } from 'vitest'
import type { TestService } from '../support/service.js'
import { type Answer, adminOk, type Form, OWNER, postForm, type World } from '../support/world.js'

/** What a retry adds to the request that was paused. */
export interface Retry extends Form {
  readonly challenge_id: string
  readonly challenge_response: string
}

/** Sends a request that must be paused. */
export async function paused(world: World, form: Form = {}, options: { url?: string } = {}): Promise<Retry> {
  return retryOf(await world.exchange(form, options))
}

/** What to retry a paused request with. */
export function retryOf(answer: Answer): Retry {
  expect(answer.body).toMatchObject({ error: 'interaction_required', challenge_secret: expect.any(String) })
  const { challenge_id: id, challenge_secret: secret } = answer.body
  return { challenge_id: String(id), challenge_response: String(secret) }
}

/** That the user, or the application's owner, has authenticated with two factors just now. */
export const MFA = { subject: OWNER, aal: 'aal2', amr: ['hwk'], method: 'webauthn' }

/** A token of an authentication service. */
export function proverToken(world: World, owner?: { kind: string; issuer?: string; id: string }): Promise<string> {
  return world.token(['prove'], owner, { max_aal: 'aal3' })
}

/** Sends a request that must be paused with `mfa`, and satisfies its challenge. */
export async function satisfied(world: World, prover: string, form: Form = {}): Promise<Retry> {
  const retry = await paused(world, form)
  expect(await world.satisfy(retry.challenge_id, prover, MFA)).toMatchObject({ status: 200 })
  return retry
}

/** The one answer to everything that can be wrong with a proof. */
export const CHALLENGE_INVALID = {
  status: 401,
  body: { error: 'access_denied', error_description: expect.stringMatching(/^challenge_invalid: /) },
}

/** The claims of a token, unverified. */
export function claimsOf(token: unknown): Record<string, unknown> {
  return JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString())
}

/** Asks the database a question. */
export async function query<Row>(service: Pick<TestService, 'database'>, sql: string, values: unknown[] = []) {
  const client = new pg.Client({ connectionString: service.database.url, options: '-c search_path=countersign' })
  await client.connect()
  try {
    return (await client.query(sql, values)).rows as Row[]
  } finally {
    await client.end()
  }
}

/** An event of a zone's ledger, at its leaf. */
export interface Leaf {
  readonly index: number
  readonly id: string
  readonly event: Record<string, unknown>
}

/** A zone's ledger from its first leaf on; leaves that are not in their place or not their hash fail the test. */
export async function ledgerOf(service: Pick<TestService, 'database'>, zoneId: string): Promise<Leaf[]> {
  // One statement, so one moment: a node may record a summary at any time.
  const rows = await query<{ tree_size: string; leaf_index: string; id: string; leaf_hash: Buffer; event: string }>(
    service,
    `SELECT tree_size, leaf_index, id, leaf_hash, event FROM zone_heads JOIN audit_events USING (zone_id)
     WHERE zone_id = $1 ORDER BY leaf_index`,
    [zoneId],
  )
  expect(rows.map((row) => Number(row.leaf_index))).toEqual(rows.map((_row, index) => index))
  expect(Number(rows[0]?.tree_size ?? 0)).toBe(rows.length)
  return rows.map((row, index) => {
    const hash = createHash('sha256').update('\0').update(row.event).digest('hex')
    if (!row.leaf_hash.equals(Buffer.from(hash, 'hex'))) throw new Error(`leaf ${index} is not what its hash says`)
    return { index, id: row.id, event: JSON.parse(row.event) }
  })
}

/** The state columns of a challenge. */
export async function challengeRow(service: Pick<TestService, 'database'>, id: string) {
  const [row] = await query<{
    satisfied_at: Date | null
    rejected_at: Date | null
    consumed_at: Date | null
    consumed_by: string | null
    predecessor_id: string | null
    created_at: Date
    expires_at: Date
  }>(service, 'SELECT * FROM step_up_challenges WHERE id = $1', [id])
  if (row === undefined) throw new Error(`there is no challenge ${id}`)
  return row
}

/** A further application in a world's zone, with a grant for the same resource. */
export async function furtherApplication(world: World, body: object = {}): Promise<World> {
  const base = `/v1/zones/${world.zoneId}`
  const created = await adminOk(world.service, 'POST', `${base}/applications`, {
    name: 'another',
    auth_method: 'client_secret',
    owner: OWNER,
    ...body,
  })
  const application = { id: String(created.id), secret: String(created.client_secret) }
  const grant = await adminOk(world.service, 'POST', `${base}/grants`, {
    application_id: application.id,
    resource: 'resource://payments',
    scopes: ['read', 'transfer'],
  })
  const credentials = { client_id: application.id, client_secret: application.secret }
  return {
    ...world,
    application,
    grantId: String(grant.id),
    exchange: (form, options) => world.exchange({ ...credentials, ...form }, options),
  }
}

type Node = Pick<TestService, 'url' | 'adminToken' | 'database'>

const probes = new WeakMap<TestService['database'], Form>()

/** Moves the database's clock, and returns when every node has taken its time over. Time only goes forward. */
export async function passTime(nodes: Node | readonly Node[], seconds: number): Promise<void> {
  const all = Array.isArray(nodes) ? (nodes as readonly Node[]) : [nodes as Node]
  const [first] = all
  if (first === undefined) return
  const probe = probes.get(first.database) ?? (await makeProbe(first))
  const [shifted] = await query<{ now: number }>(
    first,
    `WITH moved AS (UPDATE countersign.clock SET shift = shift + $1 * interval '1 second' RETURNING shift)
     SELECT extract(epoch FROM clock_timestamp() + shift)::float8 AS now,
       pg_notify('countersign', '{"topic":"clock","zoneId":"","id":""}') FROM moved`,
    [seconds],
  )
  for (const { url } of all) {
    for (let tries = 0; ; tries++) {
      const answer = await postForm(`${url}/oauth/2/token`, probe)
      const issuedAt = answer.status === 200 ? Number(claimsOf(answer.body.access_token).iat) : 0
      if (issuedAt >= Math.floor(shifted?.now ?? Number.POSITIVE_INFINITY)) break
      if (tries === 200) throw new Error(`the clock of ${url} does not move: ${JSON.stringify(answer.body)}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}

// An application of a zone of its own, whose session mandates tell what time it is on a node.
async function makeProbe(node: Node): Promise<Form> {
  const slug = `clock-${Math.random().toString(36).slice(2)}`
  const zone = await adminOk(node, 'POST', '/v1/zones', { slug, name: 'Clock' })
  const body = { name: 'clock', auth_method: 'client_secret' }
  const created = await adminOk(node, 'POST', `/v1/zones/${zone.id}/applications`, body)
  const probe = {
    grant_type: TOKEN_EXCHANGE,
    zone_id: String(zone.id),
    client_id: String(created.id),
    client_secret: String(created.client_secret),
  }
  probes.set(node.database, probe)
  return probe
}
