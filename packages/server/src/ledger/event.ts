import { hash } from 'node:crypto'
import { canonicalJson, type Json, type Receipt } from '@countersign/protocol'
import { sql } from 'kysely'
import type { Tx } from '../store/database.js'
import { newId } from '../store/ids.js'
import { randomPooled } from '../store/random.js'
import type { Opening } from '../store/tables.js'

/**
 * How a request ended. `recorded` is for what is not a request for authority: administration, proofs, revocations.
 */
export type EventOutcome = 'issued' | 'challenged' | 'denied' | 'failed' | 'recorded'

/** A value that is personal data: it enters the event as a salted commitment, and stands beside it in the clear. */
export class Personal {
  constructor(readonly value: Json) {}
}

/** What an event may hold: JSON, with {@link Personal} anywhere in it. */
export type EventValue = Json | Personal | readonly EventValue[] | { readonly [key: string]: EventValue | undefined }

/** What a caller says of an event; the ledger adds the rest. */
export interface EventFields {
  readonly type: string
  readonly outcome: EventOutcome
  readonly [field: string]: EventValue | undefined
}

/** An event ready to be appended: its exact bytes and their leaf hash no longer change. */
export interface LedgerEvent {
  readonly id: string
  readonly zoneId: string
  /** Canonical JSON, the bytes the leaf hash covers. */
  readonly canonical: string
  /** SHA-256 of `0x00` and the canonical bytes (RFC 9162 section 2.1.1). */
  readonly leafHash: Buffer
  readonly openings: { readonly [path: string]: Opening } | null
}

/**
 * Makes an event of a zone. `id` ties it to what it records (the mandate's `txn`); `now` is in milliseconds.
 *
 * @example
 * ```ts
 * createEvent({ zoneId, now: clock.now(), fields: { type: 'session.revoked', outcome: 'recorded', session_id: id } })
 * ```
 */
export function createEvent(event: { zoneId: string; now: number; fields: EventFields; id?: string }): LedgerEvent {
  const id = event.id ?? newId(event.now)
  const openings: { [path: string]: Opening } = {}
  const committed = commitPersonal(event.fields, '', openings)
  const canonical = canonicalJson({
    ...(committed as { [key: string]: Json }),
    v: 1,
    id,
    zone_id: event.zoneId,
    time: new Date(event.now).toISOString(),
  })
  return {
    id,
    zoneId: event.zoneId,
    canonical,
    leafHash: leafHash(canonical),
    openings: Object.keys(openings).length === 0 ? null : openings,
  }
}

/** The hash of a leaf. @see https://www.rfc-editor.org/rfc/rfc9162#section-2.1.1 */
export function leafHash(canonical: string): Buffer {
  return hash('sha256', `\0${canonical}`, 'buffer')
}

/** The receipt a response carries for an event at its leaf. */
export function receiptOf(event: LedgerEvent, leafIndex: number): Receipt {
  return { event_id: event.id, leaf_index: leafIndex, leaf_hash: event.leafHash.toString('hex') }
}

/** Appends an event inside a transaction that holds the zone's lock. */
export async function appendEvent(tx: Tx, event: LedgerEvent): Promise<Receipt> {
  const openings = event.openings === null ? null : JSON.stringify(event.openings)
  const appended = await sql<{ leaf_index: number }>`
    SELECT append_event(${event.zoneId}, ${event.id}, ${event.leafHash}, ${event.canonical}, ${openings}) AS leaf_index`.execute(
    tx,
  )
  return receiptOf(event, appended.rows[0]?.leaf_index ?? Number.NaN)
}

function commitPersonal(value: EventValue, path: string, openings: { [path: string]: Opening }): Json {
  if (value instanceof Personal) {
    const salt = randomPooled(16).toString('base64url')
    openings[path] = { salt, value: value.value }
    return { committed: commitment(salt, value.value) }
  }
  if (Array.isArray(value)) return value.map((item, index) => commitPersonal(item, `${path}/${index}`, openings))
  if (value === null || typeof value !== 'object') return value as Json
  const members: { [key: string]: Json } = {}
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) members[key] = commitPersonal(member as EventValue, `${path}/${key}`, openings)
  }
  return members
}

/** What stands in an event for a personal value: SHA-256 over the salt and the value's canonical JSON, base64url. */
export function commitment(salt: string, value: Json): string {
  return hash('sha256', `${salt}.${canonicalJson(value)}`, 'base64url')
}
