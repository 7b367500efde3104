import { TOKEN_EXCHANGE } from '@countersign/protocol'
import type { TestService } from './service.js'

/** An answer, read whole. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

export type Form = Record<string, string | readonly string[] | undefined>

/** The reference policy: a transfer needs a resolved challenge of one type. */
export function referencePolicy(type = 'mfa'): string {
  return `package countersign.authz

default result := {
  "decision": "deny",
  "evaluation_status": "complete",
  "determining_policies": ["step-up"],
  "diagnostics": [{"step_up_required": "${type}"}],
}

result := {
  "decision": "allow",
  "evaluation_status": "complete",
  "determining_policies": ["step-up"],
  "diagnostics": [],
} if input.context.challenge_resolved
`
}

export const PAYMENTS = 'resource://payments'

/** Sends JSON to the admin API. */
export async function admin(
  service: Pick<TestService, 'url' | 'adminToken'>,
  method: string,
  path: string,
  body?: unknown,
  options: { readonly token?: string; readonly headers?: Record<string, string> } = {},
): Promise<Answer> {
  const response = await fetch(`${service.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${options.token ?? service.adminToken}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return read(response)
}

/** The same for what must succeed. */
export async function adminOk(...request: Parameters<typeof admin>): Promise<Record<string, unknown>> {
  const answer = await admin(...request)
  if (answer.status >= 300)
    throw new Error(`${request[1]} ${request[2]}: ${answer.status} ${JSON.stringify(answer.body)}`)
  return answer.body
}

export async function read(response: Response): Promise<Answer> {
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
}

/** A zone with one application, one resource with one grant, and the reference policy active. */
export interface World {
  readonly service: TestService
  readonly zoneId: string
  readonly application: { readonly id: string; readonly secret: string }
  readonly resourceId: string
  readonly grantId: string
  readonly setId: string
  /** Sends a token exchange as the application. Fields given as undefined are left out. */
  exchange(form?: Form, options?: { url?: string; headers?: Record<string, string> }): Promise<Answer>
  /** An admin token of this zone. */
  token(
    capabilities: readonly string[],
    owner?: { kind: string; issuer?: string; id: string },
    more?: object,
  ): Promise<string>
  satisfy(challengeId: unknown, token: string, body?: object, url?: string): Promise<Answer>
}

export interface WorldOptions {
  readonly policy?: string
  readonly owner?: { kind: string; issuer?: string; id: string }
}

export const OWNER = { kind: 'user', issuer: 'https://idp.test', id: 'olga' }
export const APPROVER = { kind: 'user', issuer: 'https://idp.test', id: 'ann' }

let slugs = 0

export async function createWorld(service: TestService, options: WorldOptions = {}): Promise<World> {
  const zone = await adminOk(service, 'POST', '/v1/zones', { slug: `zone-${++slugs}-${Date.now()}`, name: 'Test' })
  const base = `/v1/zones/${zone.id}`
  const created = await adminOk(service, 'POST', `${base}/applications`, {
    name: 'agent',
    auth_method: 'client_secret',
    owner: options.owner ?? OWNER,
  })
  const application = { id: String(created.id), secret: String(created.client_secret) }
  const resource = await adminOk(service, 'POST', `${base}/resources`, {
    identifier: PAYMENTS,
    scopes: ['read', 'transfer'],
  })
  const grant = await adminOk(service, 'POST', `${base}/grants`, {
    application_id: application.id,
    resource: PAYMENTS,
    scopes: ['read', 'transfer'],
  })
  const setId = await activatePolicy({ service, zoneId: String(zone.id) }, options.policy ?? referencePolicy())
  const zoneId = String(zone.id)
  return {
    service,
    zoneId,
    application,
    resourceId: String(resource.id),
    grantId: String(grant.id),
    setId,
    exchange(form = {}, { url = service.url, headers = {} } = {}) {
      const fields: Form = {
        grant_type: TOKEN_EXCHANGE,
        zone_id: zoneId,
        client_id: application.id,
        client_secret: application.secret,
        resource: PAYMENTS,
        scope: 'transfer',
        ...form,
      }
      return postForm(`${url}/oauth/2/token`, fields, headers)
    },
    async token(capabilities, owner = APPROVER, more = {}) {
      const body = { name: 'test', zone_id: zoneId, capabilities, owner, ...more }
      return String((await adminOk(service, 'POST', '/v1/admin-tokens', body)).token)
    },
    satisfy(challengeId, token, body, url = service.url) {
      const path = `${base}/step-up-challenges/${challengeId}/satisfy`
      return admin({ url, adminToken: token }, 'POST', path, body ?? {})
    },
  }
}

let policies = 0

/** Uploads a policy as the only one of a new set and activates it; gives the set's id. */
export async function activatePolicy(at: { service: TestService; zoneId: string }, source: string): Promise<string> {
  const { service } = at
  const base = `/v1/zones/${at.zoneId}`
  const name = `policy-${++policies}`
  const policy = await adminOk(service, 'POST', `${base}/policies`, { name, source })
  const { version } = policy as { version: { id: string } }
  const set = await adminOk(service, 'POST', `${base}/policy-sets`, { name, policy_versions: [version.id] })
  await adminOk(service, 'POST', `${base}/policy-sets/${set.id}/activate`, {})
  return String(set.id)
}

export async function postForm(url: string, fields: Form, headers: Record<string, string> = {}): Promise<Answer> {
  const body = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) {
    for (const one of typeof value === 'string' ? [value] : (value ?? [])) body.append(name, one)
  }
  return read(await fetch(url, { method: 'POST', body, headers }))
}
