import { identityKey } from '@countersign/protocol'
import { closedLoop } from '../load/closed-loop.js'
import { formBytes } from '../load/http-bytes.js'
import { BrokenRun, expectOnly } from '../load/tally.js'
import type { Bench } from '../measure/bench.js'
import { eachOnce, TOKEN_ENDPOINT } from './requests.js'
import type { Node } from './rig.js'
import { type BenchZone, ISSUER, userFields, userToken } from './zone.js'

/** A principal may have 32 live challenges; the bench stays below. */
const PAUSES_PER_USER = 30

/** A pause that a client got, and the request that it will repeat. */
export interface PausedRequest {
  readonly fields: Record<string, string>
  readonly challengeId: string
  readonly secret: string
}

let users = 0

/**
 * Requests that will each pause for a challenge of their own: of users nobody has seen, thirty each, told apart by the
 * life they ask for. The users' sessions are opened here.
 */
export async function pausingRequests(
  bench: Bench,
  zone: BenchZone,
  node: Node,
  count: number,
): Promise<Record<string, string>[]> {
  const tokens = Array.from({ length: Math.ceil(count / PAUSES_PER_USER) }, () =>
    userToken(bench.rig.signingKey, `paused-${++users}`, 0),
  )
  const opening = tokens.map((token) => formBytes(TOKEN_ENDPOINT, userFields(zone, token)))
  const opened = await closedLoop({
    targets: [node],
    connections: Math.min(bench.plan.connections, opening.length),
    ms: 60_000,
    next: eachOnce(opening),
  })
  expectOnly('opening sessions', opened, 200)
  return Array.from({ length: count }, (_, n) =>
    userFields(zone, tokens[n % tokens.length] ?? '', {
      scope: 'transfer',
      ttl_seconds: String(300 + Math.floor(n / tokens.length)),
    }),
  )
}

/** Pauses many requests, for what comes after. */
export async function pauseMany(
  bench: Bench,
  zone: BenchZone,
  node: Node,
  count: number,
): Promise<readonly PausedRequest[]> {
  const fields = await pausingRequests(bench, zone, node, count)
  const byBytes = new Map(fields.map((it) => [formBytes(TOKEN_ENDPOINT, it), it]))
  const paused: PausedRequest[] = []
  const result = await closedLoop({
    targets: [node],
    connections: Math.min(bench.plan.connections, count),
    ms: 120_000,
    next: eachOnce([...byBytes.keys()]),
    onAnswer: ({ body }, request) => {
      const { challenge_id: challengeId, challenge_secret: secret } = JSON.parse(body) as Record<string, unknown>
      const asked = byBytes.get(request)
      if (typeof challengeId !== 'string' || typeof secret !== 'string' || asked === undefined) {
        throw new BrokenRun('a request that must pause got another answer')
      }
      paused.push({ fields: asked, challengeId, secret })
    },
  })
  expectOnly('pausing requests', result, 401)
  return paused
}

/** Has somebody approve many challenges at once, as `satisfy` would write it. */
export async function satisfyMany(bench: Bench, zone: BenchZone, paused: readonly PausedRequest[]): Promise<void> {
  const owner = { kind: 'user', issuer: ISSUER, id: 'approver' } as const
  const { rowCount } = await bench.rig.database.query(
    `WITH satisfied AS (
       UPDATE step_up_challenges SET satisfied_at = countersign.now()
       WHERE zone_id = $1 AND id = ANY ($2::uuid[]) AND satisfied_at IS NULL RETURNING id)
     INSERT INTO challenge_proofs (zone_id, challenge_id, owner_key, approver, owner, method, at)
     SELECT $1, id, $3, 'admin:bench', $4::jsonb, 'human_approval', countersign.now() FROM satisfied`,
    [zone.zoneId, paused.map(({ challengeId }) => challengeId), identityKey(owner), JSON.stringify(owner)],
  )
  if (rowCount !== paused.length) throw new BrokenRun(`of ${paused.length} challenges ${rowCount} could be satisfied`)
}

/** The request again, with its challenge. */
export function retryBytes({ fields, challengeId, secret }: PausedRequest): Buffer {
  return formBytes(TOKEN_ENDPOINT, { ...fields, challenge_id: challengeId, challenge_response: secret })
}
