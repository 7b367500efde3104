import { hash } from 'node:crypto'
import { canonicalJson, canonicalObject, type Json, type Receipt } from '@countersign/protocol'
import { sql } from 'kysely'
import type { Tx } from '../store/database.js'
import { newId } from '../store/ids.js'
import { randomText } from '../store/random.js'
import type { Opening } from '../store/tables.js'

/**
 * How a request ended. `recorded` is for what is not a request for authority: administration, proofs, revocations.
 */
export type EventOutcome = 'issued' | 'challenged' | 'denied' | 'failed' | 'recorded'

/** A value that is personal or may hold a secret: it enters the event as a salted commitment, and stands beside it in the clear. */
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
  /** Hexadecimal SHA-256 of `0x00` and the canonical bytes (RFC 9162 section 2.1.1). */
  readonly leafHash: string
  /** The JSON of an object of {@link Opening}s by their paths in the event; null when there are none. */
  readonly openings: string | null
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
  const { zoneId, now, fields, id = newId(now) } = event
  return sealEvent({ ...fields, id, time: new Date(now).toISOString(), v: 1, zone_id: zoneId })
}

/** Everything that is said of an event. */
export interface CompleteEvent extends EventFields {
  readonly id: string
  /** RFC 3339. */
  readonly time: string
  readonly v: 1
  readonly zone_id: string
}

/**
 * Makes an event whose fields are complete; quickest when they come in the order in which they are written.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9162#section-2.1.1
 */
export function sealEvent(event: CompleteEvent): LedgerEvent {
  const openings: string[] = []
  // Begun with the zero byte of the leaf, so that one flat text serves the hash and the ledger.
  const leaf = `\0${canonicalObject<EventValue>(event, (value, key) => canonicalValue(value, '', key, openings))}`
  return {
    id: event.id,
    zoneId: event.zone_id,
    leafHash: hash('sha256', leaf, 'hex'),
    canonical: leaf.slice(1),
    openings: openings.length === 0 ? null : `{${openings.join(',')}}`,
  }
}

/** The receipt a response carries for an event at its leaf. */
export function receiptOf(event: LedgerEvent, leafIndex: number): Receipt {
  return { event_id: event.id, leaf_index: leafIndex, leaf_hash: event.leafHash }
}

/** Appends an event inside a transaction that holds the zone's lock. */
export async function appendEvent(tx: Tx, event: LedgerEvent): Promise<Receipt> {
  const appended = await sql<{ leaf_index: number }>`
    SELECT append_event(${event.zoneId}, ${event.id}, ${Buffer.from(event.leafHash, 'hex')}, ${event.canonical}, ${event.openings}) AS leaf_index`.execute(
    tx,
  )
  return receiptOf(event, appended.rows[0]?.leaf_index ?? Number.NaN)
}

// In one pass, since this is a tenth of what an exchange costs: the value's canonical JSON with commitments in the place of
// what is personal, and an opening added for each of those. `key` is the value's place in what stands at the path `parent`.
function canonicalValue(value: EventValue, parent: string, key: string | number, openings: string[]): string {
  if (value === null || typeof value !== 'object') return canonicalJson(value)
  const path = `${parent}/${key}`
  if (value instanceof Personal) {
    const salt = randomText(16)
    const opened = canonicalJson(value.value)
    openings.push(`${canonicalJson(path)}:{"salt":"${salt}","value":${opened}}`)
    return `{"committed":"${commitmentOf(salt, opened)}"}`
  }
  if (Array.isArray(value)) {
    const items = value as readonly EventValue[]
    return `[${items.map((item, index) => canonicalValue(item, path, index, openings)).join(',')}]`
  }
  return canonicalObject<EventValue>(value as { readonly [key: string]: EventValue | undefined }, (member, name) =>
    canonicalValue(member, path, name, openings),
  )
}

/** What stands in an event for a personal value: SHA-256 over the salt and the value's canonical JSON, base64url. */
export function commitment(salt: string, value: Json): string {
  return commitmentOf(salt, canonicalJson(value))
}

function commitmentOf(salt: string, canonical: string): string {
  return hash('sha256', `${salt}.${canonical}`, 'base64url')
}
