import { isObject } from '../json.js'

/** The claims of a verified token. Times are in seconds since the epoch. Those of a mandate that matter to a server are typed. */
export interface TokenClaims {
  readonly iss: string
  readonly aud: string | readonly string[]
  readonly exp: number
  readonly sub?: string
  readonly iat?: number
  readonly nbf?: number
  readonly jti?: string
  readonly client_id?: string
  readonly zone_id?: string
  readonly scope?: string
  readonly sid?: string
  readonly root_sid?: string
  readonly use?: string
  readonly sub_type?: string
  readonly acr?: string
  readonly amr?: readonly string[]
  readonly auth_time?: number
  readonly agent_session_id?: string
  readonly delegation_edge_id?: string
  readonly txn?: string
  /** Who acts for the subject, outermost first (RFC 8693 section 4.1). */
  readonly act?: { readonly [claim: string]: unknown }
  readonly [claim: string]: unknown
}

const TEXTS = [
  'sub',
  'jti',
  'client_id',
  'zone_id',
  'scope',
  'sid',
  'root_sid',
  'use',
  'sub_type',
  'acr',
  'agent_session_id',
  'delegation_edge_id',
  'txn',
]
const TIMES = ['iat', 'nbf', 'auth_time']

/** The claims, if each that is there has its type. Whoever gets the claims can rely on the types above. */
export function readClaims(payload: unknown): TokenClaims | undefined {
  if (!isObject(payload)) return undefined
  const { iss, aud, exp, amr, act } = payload
  const sound =
    typeof iss === 'string' &&
    (typeof aud === 'string' || isTexts(aud)) &&
    isTime(exp) &&
    (amr === undefined || isTexts(amr)) &&
    (act === undefined || isObject(act)) &&
    TEXTS.every((name) => payload[name] === undefined || typeof payload[name] === 'string') &&
    TIMES.every((name) => payload[name] === undefined || isTime(payload[name]))
  return sound ? (payload as unknown as TokenClaims) : undefined
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
