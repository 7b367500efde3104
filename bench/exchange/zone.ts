import { createPublicKey, type KeyObject, randomUUID, sign } from 'node:crypto'
import { TOKEN_EXCHANGE, TOKEN_TYPES } from '@countersign/protocol'
import type { Node, Rig } from './rig.js'

/** What the load is sent to: a zone with an application, a resource, a grant, an issuer and the reference policy. */
export interface BenchZone {
  readonly zoneId: string
  readonly applicationId: string
  readonly applicationSecret: string
  /** May approve, and belongs to nobody who asks. */
  readonly approverToken: string
}

export const RESOURCE = 'resource://payments'
export const ISSUER = 'https://idp.bench'

// The reference policy, and reading without a step-up beside it.
const POLICY = `package countersign.authz

result := {"decision": "allow", "evaluation_status": "complete", "determining_policies": ["payments"], "diagnostics": []} if permitted

result := {
  "decision": "deny",
  "evaluation_status": "complete",
  "determining_policies": ["payments"],
  "diagnostics": [{"step_up_required": "human_approval"}],
} if not permitted

permitted if not "transfer" in input.context.requested_scopes

permitted if input.context.challenge_resolved
`

export async function createZone(rig: Rig, service: Pick<Node, 'port'>): Promise<BenchZone> {
  const call = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const response = await fetch(`http://127.0.0.1:${service.port}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${rig.adminToken}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const answer = (await response.json()) as Record<string, unknown>
    if (!response.ok) throw new Error(`${path}: ${response.status} ${JSON.stringify(answer)}`)
    return answer
  }
  const zone = await call('/v1/zones', { slug: `bench-${randomUUID()}`, name: 'Bench' })
  const zoneId = String(zone.id)
  const base = `/v1/zones/${zoneId}`
  const application = await call(`${base}/applications`, {
    name: 'agent',
    auth_method: 'client_secret',
    owner: { kind: 'user', issuer: ISSUER, id: 'owner' },
  })
  await call(`${base}/resources`, { identifier: RESOURCE, scopes: ['read', 'transfer'] })
  await call(`${base}/grants`, { application_id: application.id, resource: RESOURCE, scopes: ['read', 'transfer'] })
  const jwk = createPublicKey(rig.signingKey).export({ format: 'jwk' })
  await call(`${base}/subject-issuers`, {
    issuer: ISSUER,
    audience: 'bench',
    jwks: { keys: [{ ...jwk, kid: 'bench', alg: 'ES256', use: 'sig' }] },
    aal: {},
  })
  const policy = (await call(`${base}/policies`, { name: 'payments', source: POLICY })) as { version: { id: string } }
  const set = await call(`${base}/policy-sets`, { name: 'payments', policy_versions: [policy.version.id] })
  await call(`${base}/policy-sets/${set.id}/activate`, {})
  const approver = await call('/v1/admin-tokens', {
    name: 'approver',
    zone_id: zoneId,
    capabilities: ['approve'],
    owner: { kind: 'user', issuer: ISSUER, id: 'approver' },
  })
  return {
    zoneId,
    applicationId: String(application.id),
    applicationSecret: String(application.client_secret),
    approverToken: String(approver.token),
  }
}

/** A user's token by the bench's own identity provider; each is a new one, of the user's one session there. */
export function userToken(key: KeyObject, user: string, serial: number): string {
  const iat = Math.floor(Date.now() / 1000)
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = {
    iss: ISSUER,
    sub: user,
    aud: 'bench',
    iat,
    exp: iat + 3600,
    sid: `session-${user}`,
    jti: String(serial),
  }
  const input = `${part({ alg: 'ES256', typ: 'JWT', kid: 'bench' })}.${part(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

/** The fields of an exchange of this zone's application with a user's token. */
export function userFields(zone: BenchZone, token: string, more: Record<string, string> = {}): Record<string, string> {
  return {
    grant_type: TOKEN_EXCHANGE,
    zone_id: zone.zoneId,
    client_id: zone.applicationId,
    client_secret: zone.applicationSecret,
    resource: RESOURCE,
    scope: 'read',
    subject_token: token,
    subject_token_type: TOKEN_TYPES.jwt,
    ...more,
  }
}
