import { BOOLEAN, BYTES, HEX, INT4, INT8, JSONB, TEXT, UUID } from '../store/binary.js'
import type { BinaryWriter } from '../store/binary-writer.js'
import { subjectKey } from '../store/tables.js'
import {
  type Anchor,
  COOLDOWN_SECONDS,
  type CommitItem,
  type Consumption,
  FAILURE_WINDOW_SECONDS,
  MOST_FAILURES,
  MOST_LIVE_CHALLENGES,
  MOST_SECRETS,
} from './item.js'

type Row = { readonly [column: string]: unknown }

/** The zones of a batch, and where each item belongs among their events. */
export interface BatchZones {
  /** In ascending order, which is the order of their locks; the items of one zone are computed from one revision of it. */
  readonly zones: readonly BatchZone[]
  /** Of each item the number of its zone, the first being 1. */
  readonly places: readonly number[]
  /** How many items of the same zone are before each. */
  readonly offsets: readonly number[]
}

interface BatchZone {
  readonly zoneId: string
  readonly revision: number
  count: number
}

/** Divides a batch by zones. A zone of which items saw two revisions counts as two, of which one at most is recorded. */
export function zonesOf(items: readonly CommitItem[]): BatchZones {
  const byKey = new Map<string, BatchZone>()
  const own: BatchZone[] = []
  const offsets: number[] = []
  for (const { zoneId, revision } of items) {
    const key = `${zoneId} ${revision}`
    let zone = byKey.get(key)
    if (zone === undefined) {
      zone = { zoneId, revision, count: 0 }
      byKey.set(key, zone)
    }
    own.push(zone)
    offsets.push(zone.count++)
  }
  const zones = [...byKey.values()].sort((a, b) => (a.zoneId < b.zoneId ? -1 : 1))
  return { zones, places: own.map((zone) => zones.indexOf(zone) + 1), offsets }
}

/** How many arguments {@link writeBatch} writes. */
export const PARAMETERS = 21

/**
 * Writes the arguments of `commit_batch`, each behind its length: its zones and what every item has as arrays, one element a
 * zone or an item; the items' anchors and the challenges they use up, each with the number of its item, the first being 1;
 * and what few items have as {@link encodeRest}.
 */
export function writeBatch(
  into: BinaryWriter,
  items: readonly CommitItem[],
  { zones, places, offsets }: BatchZones,
  resubmitted: boolean,
): void {
  const anchors: { readonly n: number; readonly anchor: Anchor }[] = []
  const consumed: Consumed[] = []
  items.forEach(({ anchors: own, consume }, index) => {
    const n = index + 1
    for (const anchor of own) anchors.push({ n, anchor })
    // Only the challenge presented has its secret shown; its predecessors come with it.
    consume?.ids.forEach((id, position) => {
      consumed.push({ n, id, by: consume, secretHash: position === 0 ? consume.secretHash : null })
    })
  })
  into.value(BOOLEAN, resubmitted)
  into.array(UUID, zones, ({ zoneId }) => zoneId)
  into.array(INT8, zones, ({ revision }) => revision)
  into.array(INT4, zones, ({ count }) => count)
  into.array(INT4, places, (place) => place)
  into.array(INT4, offsets, (offset) => offset)
  into.array(UUID, items, ({ event }) => event.id)
  into.array(HEX, items, ({ event }) => event.leafHash)
  into.array(TEXT, items, ({ event }) => event.canonical)
  into.array(TEXT, items, ({ event }) => event.openings)
  into.array(INT4, anchors, ({ n }) => n)
  into.array(UUID, anchors, ({ anchor }) => anchor.sessionId)
  into.array(INT8, anchors, ({ anchor }) => anchor.version)
  writeConsumed(into, consumed)
  into.value(JSONB, encodeRest(items))
}

/** A challenge that item `n` uses up. */
interface Consumed {
  readonly n: number
  readonly id: string
  readonly by: Consumption
  readonly secretHash: Buffer | null
}

function writeConsumed(into: BinaryWriter, consumed: readonly Consumed[]): void {
  if (consumed.length === 0) {
    for (let n = 0; n < 7; n++) into.value(INT4, null)
    return
  }
  into.array(INT4, consumed, ({ n }) => n)
  into.array(UUID, consumed, ({ id }) => id)
  into.array(UUID, consumed, ({ by }) => by.applicationId)
  into.array(UUID, consumed, ({ by }) => by.sessionId)
  into.array(TEXT, consumed, ({ by }) => by.principalId)
  into.array(BYTES, consumed, ({ by }) => by.bindingHash)
  into.array(BYTES, consumed, ({ secretHash }) => secretHash)
}

/** Flat lists in JSON, each row naming its item by `n`; a list that is empty is absent, and without any there is null. */
function encodeRest(items: readonly CommitItem[]): string | null {
  const lists = new Map<string, Row[]>()
  items.forEach((item, index) => {
    const { event, open, raise, once, recovery, recovered, create, join, throttle } = item
    const add = (list: string, row: Row): void => {
      const rows = lists.get(list)
      const numbered = { n: index + 1, zone: item.zoneId, ...row }
      if (rows === undefined) lists.set(list, [numbered])
      else rows.push(numbered)
    }
    if (open !== undefined) {
      add('opens', {
        ...assurance(open),
        id: open.id,
        kind: open.kind,
        issuer: open.issuer,
        subject: open.subject,
        subject_key: subjectKey(open.issuer, open.subject),
        application: open.applicationId,
        key_hash: `\\x${open.keyHash}`,
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
        created_at: instant(create.createdAt),
        expires_at: instant(create.expiresAt),
        webhook: create.webhookPayload,
      })
      add('secrets', { id: create.id, secret: bytes(create.secretHash) })
    }
    if (join !== undefined) {
      add('joins', { id: join.challengeId })
      add('secrets', { id: join.challengeId, secret: bytes(join.secretHash) })
    }
    if (throttle !== undefined) {
      add('throttles', {
        application: throttle.applicationId,
        principal: throttle.principalId,
        failed: throttle.failed,
      })
    }
  })
  if (lists.size === 0) return null
  return JSON.stringify({
    most_secrets: MOST_SECRETS,
    most_live: MOST_LIVE_CHALLENGES,
    most_failures: MOST_FAILURES,
    window_seconds: FAILURE_WINDOW_SECONDS,
    cooldown_seconds: COOLDOWN_SECONDS,
    ...Object.fromEntries(lists),
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
