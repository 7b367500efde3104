import type { Requirement } from './requirement.js'

/**
 * Why a request is refused.
 *
 * | code | status | meaning |
 * |---|---|---|
 * | `missing_token` | 401 | no mandate was presented |
 * | `invalid_request` | 400 | something was presented that is no single bearer token |
 * | `invalid_token` | 401 | it is not a mandate for this server, or no longer |
 * | `insufficient_scope` | 403 | the mandate does not cover this |
 * | `insufficient_user_authentication` | 401 | the subject must prove more first (RFC 9470) |
 * | `temporarily_unavailable` | 503 | the mandate could not be checked just now |
 */
export type RefusalCode =
  | 'missing_token'
  | 'invalid_request'
  | 'invalid_token'
  | 'insufficient_scope'
  | 'insufficient_user_authentication'
  | 'temporarily_unavailable'

/** A refusal as the HTTP answer it is. */
export interface Refusal {
  readonly code: RefusalCode
  readonly status: 400 | 401 | 403 | 503
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readonly<Record<string, string | number>>
}

const STATUS = {
  missing_token: 401,
  invalid_request: 400,
  invalid_token: 401,
  insufficient_scope: 403,
  insufficient_user_authentication: 401,
  temporarily_unavailable: 503,
} as const

/**
 * Makes the answer of a refusal: the `WWW-Authenticate` challenge, and the same in a JSON body for those who cannot read
 * the header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6750#section-3
 * @see https://www.rfc-editor.org/rfc/rfc9470#section-3
 * @see https://www.rfc-editor.org/rfc/rfc9728#section-5.1
 */
export function refuse(
  code: RefusalCode,
  description: string,
  metadataUrl: string | undefined,
  requirement: Requirement = {},
): Refusal {
  const status = STATUS[code]
  if (code === 'temporarily_unavailable') {
    return {
      code,
      status,
      headers: { 'retry-after': '1', 'cache-control': 'no-store' },
      body: { error: code, error_description: description },
    }
  }
  const demand: Record<string, string | number> = {}
  if (code === 'insufficient_scope') demand.scope = (requirement.scopes ?? []).join(' ')
  if (code === 'insufficient_user_authentication') {
    if (requirement.aal !== undefined) demand.acr_values = requirement.aal
    if (requirement.maxAge !== undefined) demand.max_age = requirement.maxAge
  }
  // Who presented nothing is told how, not what was wrong (RFC 6750 section 3.1).
  const error: Record<string, string | number> =
    code === 'missing_token' ? {} : { error: code, error_description: description, ...demand }
  const params = Object.entries({ ...error, ...(metadataUrl && { resource_metadata: metadataUrl }) })
  const challenge = `Bearer ${params.map(([name, value]) => `${name}=${quoted(String(value))}`).join(', ')}`.trim()
  return {
    code,
    status,
    headers: {
      'www-authenticate': challenge,
      // Pages of other origins need it to step up.
      'access-control-expose-headers': 'WWW-Authenticate',
      'cache-control': 'no-store',
    },
    body: { error: code, error_description: description, ...demand },
  }
}

function quoted(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '?').replace(/[\\"]/g, '\\$&')}"`
}
