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
  const openings = new Openings()
  const members = { ...fields, id, time: new Date(now).toISOString(), v: 1, zone_id: zoneId }
  const canonical = canonicalObject<EventValue>(members, (value, key) => canonicalValue(value, '', key, openings))
  return sealEvent({ id, zoneId, canonical, openings })
}

/**
 * Makes an event that is already written, in canonical JSON with `id`, `time`, `v` and `zone_id` among its members.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9162#section-2.1.1
 */
export function sealEvent(event: { id: string; zoneId: string; canonical: string; openings: Openings }): LedgerEvent {
  const { id, zoneId, canonical } = event
  const openings = event.openings.json
  // One flat text of which both are pieces, made while the pieces that it is made of are at hand: in the commit that took 2 % of
  // an exchange longer.
  const all = `\0${canonical}${openings ?? ''}`
  const leafLength = canonical.length + 1
  return {
    id,
    zoneId,
    leafHash: hash('sha256', all.slice(0, leafLength), 'hex'),
    canonical: all.slice(1, leafLength),
    openings: openings === null ? null : all.slice(leafLength),
  }
}

/** What is personal in an event that is being written: it stands beside it, and a commitment in it. */
export class Openings {
  #members = ''

  /**
   * Takes a personal value, in canonical JSON.
   *
   * @param path where it belongs in the event: a JSON Pointer (RFC 6901)
   * @returns canonical JSON of what stands there for it
   */
  commit(path: string, value: string): string {
    const salt = randomText()
    const separator = this.#members === '' ? '' : ','
    this.#members += `${separator}${canonicalJson(path)}:{"salt":"${salt}","value":${value}}`
    return `{"committed":"${commitmentOf(salt, value)}"}`
  }

  /** The JSON of an object of {@link Opening}s by their paths; null when there are none. */
  get json(): string | null {
    return this.#members === '' ? null : `{${this.#members}}`
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

// In one pass: the value's canonical JSON, with commitments in the place of what is personal. `key` is the value's place in
// what stands at the path `parent`.
function canonicalValue(value: EventValue, parent: string, key: string | number, openings: Openings): string {
  if (value === null || typeof value !== 'object') return canonicalJson(value)
  const path = `${parent}/${key}`
  if (value instanceof Personal) return openings.commit(path, canonicalJson(value.value))
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
