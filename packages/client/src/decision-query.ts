import { type Aal, isAal } from '@countersign/protocol'
import { isObject } from './json.js'

/** Who or what something is about. A user of a zone with several issuers is named with its `issuer`. */
export interface EntityRef {
  readonly type: string
  readonly id: string
  readonly issuer?: string | undefined
}

/**
 * The question "may this subject do this?".
 *
 * @example
 * ```ts
 * const query: DecisionQuery = {
 *   subject: { type: 'user', id: 'alice' },
 *   permission: 'transfers:create',
 *   resource: { type: 'account', id: '42' },
 * }
 * ```
 */
export interface DecisionQuery {
  /** Without a subject the answer is `unavailable` with reason `no-subject`, and nothing is sent. */
  readonly subject: EntityRef | null | undefined
  readonly permission: string
  readonly organization?: string | null | undefined
  readonly application?: string | null | undefined
  readonly resource?: { readonly type: string; readonly id: string } | string | null | undefined
  /** The caller's own facts, anything that JSON can hold. */
  readonly context?: object | null | undefined
  /** What the caller believes of the session, default `aal1`. The service ignores it wherever it knows better. */
  readonly currentAal?: Aal | undefined
  /** Ask for the rules behind the answer. Such an answer is never served from a cache. */
  readonly explain?: boolean | undefined
}

/** A query in the one form that is sent and compared, or why there is none. */
export type SerializedQuery =
  | { readonly ok: true; readonly body: string; readonly explain: boolean }
  | { readonly ok: false; readonly reason: 'no-subject' | 'invalid query' }

/**
 * The wire form of a query: eight members, absent ones `null`, members sorted at every depth. It is made once: a getter
 * or `toJSON` that answers differently each time cannot make what is sent differ from what is compared.
 *
 * Never throws: a cycle, a `bigint` or a throwing getter makes the query invalid.
 */
export function serializeQuery(query: DecisionQuery): SerializedQuery {
  try {
    const plain: unknown = JSON.parse(JSON.stringify(wireForm(query)))
    if (!isWireForm(plain)) return { ok: false, reason: 'invalid query' }
    if (plain.subject === null || plain.subject.id === '') return { ok: false, reason: 'no-subject' }
    const sent = { ...plain, subject: onlyRef(plain.subject), resource: onlyRef(plain.resource) }
    return { ok: true, body: sortedJson(sent), explain: plain.explain }
  } catch {
    return { ok: false, reason: 'invalid query' }
  }
}

/** A string that two queries share exactly when the service is asked the same. Never throws. */
export function queryKey(query: DecisionQuery): string {
  const serialized = serializeQuery(query)
  return serialized.ok ? serialized.body : serialized.reason
}

interface WireForm {
  readonly subject: EntityRef | null
  readonly resource: EntityRef | string | null
  readonly explain: boolean
}

function wireForm(query: DecisionQuery): object {
  return {
    subject: query.subject ?? null,
    permission: query.permission,
    organization: query.organization ?? null,
    application: query.application ?? null,
    resource: query.resource ?? null,
    context: query.context ?? null,
    current_aal: query.currentAal ?? 'aal1',
    explain: query.explain ?? false,
  }
}

// Checked after serialisation, so that what is checked is what is sent.
function isWireForm(value: unknown): value is WireForm {
  const form = value as { [key: string]: unknown }
  return (
    (form.subject === null || isRef(form.subject)) &&
    typeof form.permission === 'string' &&
    form.permission !== '' &&
    isTextOrNull(form.organization) &&
    isTextOrNull(form.application) &&
    (isTextOrNull(form.resource) || isRef(form.resource)) &&
    typeof form.context === 'object' &&
    !Array.isArray(form.context) &&
    isAal(form.current_aal) &&
    typeof form.explain === 'boolean'
  )
}

function isRef(value: unknown): boolean {
  return isObject(value) && typeof value.type === 'string' && typeof value.id === 'string'
}

// A whole record handed in as a reference would send more than was asked.
function onlyRef(ref: EntityRef | string | null): EntityRef | string | null {
  if (typeof ref === 'string' || ref === null) return ref
  return { type: ref.type, id: ref.id, ...(typeof ref.issuer === 'string' ? { issuer: ref.issuer } : {}) }
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === 'string'
}

// JSON.stringify for each leaf keeps lone surrogates apart, which sorting characters would not.
function sortedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = value as Record<string, unknown>
  const parts = Object.keys(members).sort()
  return `{${parts.map((key) => `${JSON.stringify(key)}:${sortedJson(members[key])}`).join(',')}}`
}
