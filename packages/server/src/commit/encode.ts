import { subjectKey } from '../store/tables.js'
import {
  COOLDOWN_SECONDS,
  type CommitItem,
  FAILURE_WINDOW_SECONDS,
  MOST_FAILURES,
  MOST_LIVE_CHALLENGES,
  MOST_SECRETS,
} from './item.js'

type Row = { readonly [column: string]: unknown }

/** The batch as `commit_batch` takes it: flat lists, each row naming its item by `n`; a list that is empty is absent. */
export function encodeBatch(items: readonly CommitItem[], resubmitted: boolean): string {
  const lists: { [list: string]: Row[] } = {
    items: [],
    anchors: [],
    opens: [],
    raises: [],
    once: [],
    recoveries: [],
    recovered: [],
    consumes: [],
    creates: [],
    joins: [],
    secrets: [],
    throttles: [],
  }
  const zones = new Set<string>()
  items.forEach((item, n) => {
    const zone = item.zoneId
    zones.add(zone)
    const add = (list: string, row: Row): void => void lists[list]?.push({ n, zone, ...row })
    const { event, open, raise, once, recovery, recovered, create, join, consume, throttle } = item
    add('items', {
      rev: item.revision,
      id: event.id,
      hash: bytes(event.leafHash),
      event: event.canonical,
      openings: event.openings,
    })
    for (const anchor of item.anchors) add('anchors', { id: anchor.sessionId, v: anchor.version })
    if (open !== undefined) {
      add('opens', {
        ...assurance(open),
        id: open.id,
        kind: open.kind,
        issuer: open.issuer,
        subject: open.subject,
        subject_key: subjectKey(open.issuer, open.subject),
        application: open.applicationId,
        key_hash: bytes(open.keyHash),
        token_issued_at: instant(open.tokenIssuedAt),
        expires_at: instant(open.expiresAt),
      })
    }
    if (raise !== undefined) {
      add('raises', { ...assurance(raise), id: raise.sessionId, token_issued_at: instant(raise.tokenIssuedAt) })
    }
    if (once !== undefined) add('once', { kind: once.kind, key: bytes(once.key), expires_at: instant(once.expiresAt) })
    if (recovery !== undefined) {
      add('recoveries', {
        application: recovery.applicationId,
        key_hash: bytes(recovery.keyHash),
        binding: bytes(recovery.bindingHash),
        event: event.id,
        challenge: recovery.challengeId,
        claims: recovery.claims,
        expires_at: instant(recovery.expiresAt),
      })
    }
    if (recovered !== undefined) add('recovered', { jti: recovered })
    if (create !== undefined) {
      add('creates', {
        id: create.id,
        session: create.sessionId,
        principal: create.principalId,
        application: create.applicationId,
        type: create.type,
        demand: create.demand,
        prover_subject: create.proverSubject,
        requesters: create.requesters,
        requester_applications: create.requesterApplications,
        request: create.requestJson,
        binding: bytes(create.bindingHash),
        chain: create.chain,
        predecessor: create.chain[0] ?? null,
        ttl_seconds: create.ttlSeconds,
        webhook: create.webhookPayload,
      })
      add('secrets', { id: create.id, secret: bytes(create.secretHash) })
    }
    if (join !== undefined) {
      add('joins', { id: join.challengeId })
      add('secrets', { id: join.challengeId, secret: bytes(join.secretHash) })
    }
    consume?.ids.forEach((id, position) => {
      add('consumes', {
        id,
        application: consume.applicationId,
        session: consume.sessionId,
        principal: consume.principalId,
        binding: bytes(consume.bindingHash),
        // Only the challenge presented has its secret shown; its predecessors come with it.
        secret: position === 0 ? bytes(consume.secretHash) : null,
        event: event.id,
      })
    })
    if (throttle !== undefined) {
      add('throttles', {
        application: throttle.applicationId,
        principal: throttle.principalId,
        failed: throttle.failed,
      })
    }
  })
  const present = Object.entries(lists).filter(([list, rows]) => rows.length > 0 || list === 'anchors')
  return JSON.stringify({
    zones: [...zones],
    ...(resubmitted ? { resubmitted } : {}),
    most_secrets: MOST_SECRETS,
    most_live: MOST_LIVE_CHALLENGES,
    most_failures: MOST_FAILURES,
    window_seconds: FAILURE_WINDOW_SECONDS,
    cooldown_seconds: COOLDOWN_SECONDS,
    ...Object.fromEntries(present),
  })
}

function assurance(of: { aal: string; acr: string | null; amr: readonly string[]; authTime: number | null }): Row {
  return { aal: of.aal, acr: of.acr, amr: of.amr, auth_time: instant(of.authTime) }
}

function bytes(value: Buffer): string {
  return `\\x${value.toString('hex')}`
}

function instant(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
