import { createHash, randomUUID } from 'node:crypto'
import pg from 'pg'
import { expect, test, vi } from 'vitest'
import { type MandateStore, openMandateStore } from '../../test/mandate/store.js'
import { createEvent, Personal } from '../ledger/event.js'
import { clientConfig } from '../store/database.js'
import { CommitConnection } from './connection.js'
import type { CommitItem, Verdict } from './item.js'
import { CommitQueue } from './queue.js'

test('while some are answered, the database already has those that follow', async () => {
  const { connection, createZone, snapshot, close } = await openMandateStore()
  const queue = new CommitQueue({ connection, onError: () => {} })
  try {
    const now = Date.now()
    const zoneId = await createZone(now)
    const { revision } = await snapshot(zoneId)
    const batches = vi.spyOn(CommitConnection.prototype, 'record')
    const sent: number[] = []
    const record = async (): Promise<number> => {
      const event = createEvent({ zoneId, now, fields: { type: 'test', outcome: 'recorded' }, id: randomUUID() })
      const verdict = await queue.submit({ zoneId, revision, event, anchors: [] })
      sent.push(batches.mock.calls.length)
      return verdict.status === 'recorded' ? verdict.leafIndex : Number.NaN
    }
    const recording = Promise.all(Array.from({ length: 64 }, record))
    await new Promise((resolve) => setImmediate(resolve))
    expect(queue.depth).toBe(32)
    const leaves = await recording
    expect(new Set(leaves).size).toBe(64)
    expect(leaves).not.toContain(Number.NaN)
    // The second half was on its way before any of the first heard.
    expect(sent).toEqual(Array.from({ length: 64 }, () => 2))
  } finally {
    vi.restoreAllMocks()
    await queue.close()
    await close()
  }
})

test('a batch is recorded in order, zone by zone, and what is stale leaves no gap', async () => {
  const store = await openMandateStore()
  const queue = new CommitQueue({ connection: store.connection, onError: () => {} })
  try {
    const [one, other] = [await createZone(store), await createZone(store)]
    const batches = vi.spyOn(CommitConnection.prototype, 'record')
    const record = (items: readonly CommitItem[]) => Promise.all(items.map((item) => queue.submit(item)))
    const first = [itemOf(one), itemOf(other), itemOf(one)]
    expect(await record(first)).toEqual([at(0), at(0), at(1)])

    const [stale, noSession] = [
      { ...itemOf(one), revision: one.revision - 1 },
      { ...itemOf(other), anchors: [{ sessionId: randomUUID(), version: 1 }] },
    ]
    const second = [itemOf(one), stale, itemOf(other), noSession, itemOf(one), itemOf(other)]
    expect(await record(second)).toEqual([at(2), STALE, at(1), STALE, at(3), at(2)])
    expect(batches).toHaveBeenCalledTimes(2)

    const recorded = [...first, ...second].filter((item) => item !== stale && item !== noSession)
    for (const zone of [one, other]) {
      const ids = recorded.filter(({ zoneId }) => zoneId === zone.zoneId).map(({ event }) => event.id)
      expect(await ledgerOf(store, zone.zoneId)).toEqual(ids)
    }
  } finally {
    vi.restoreAllMocks()
    await queue.close()
    await store.close()
  }
})

test('texts of any script and length are recorded as they were hashed', async () => {
  const store = await openMandateStore()
  const queue = new CommitQueue({ connection: store.connection, onError: () => {} })
  try {
    const zone = await createZone(store)
    const notes = ['plain', 'grün', '☃', '👍🏽', '\u007f', '\u0080', 'x'.repeat(9_000), '☃'.repeat(9_000)]
    const items = notes.flatMap((note) => [itemOf(zone, note), itemOf(zone, 'plain', note)])
    await Promise.all(items.map((item) => queue.submit(item)))
    const stored = await store.db
      .selectFrom('audit_events')
      .select(['id', 'event', 'leaf_hash', 'openings'])
      .where('zone_id', '=', zone.zoneId)
      .execute()
    expect(stored).toHaveLength(items.length)
    for (const { event } of items) {
      const row = stored.find(({ id }) => id === event.id)
      expect(row?.event).toBe(event.canonical)
      expect(createHash('sha256').update(`\0${row?.event}`).digest()).toEqual(row?.leaf_hash)
      expect(row?.openings).toEqual(JSON.parse(event.openings ?? 'null'))
    }
  } finally {
    await queue.close()
    await store.close()
  }
})

test('nodes that record in the same zones at once leave no gap and share no leaf', async () => {
  const store = await openMandateStore()
  const nodes = Array.from({ length: 3 }, () => new CommitQueue({ connection: store.connection, onError: () => {} }))
  try {
    const zones = [await createZone(store), await createZone(store)]
    const recording: Promise<[string, Verdict]>[] = []
    for (let round = 0; round < 20; round++) {
      for (const node of nodes) {
        for (const zone of [...zones, ...zones]) {
          const item = itemOf(zone)
          recording.push(node.submit(item).then((verdict) => [item.event.id, verdict]))
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    const verdicts = new Map(await Promise.all(recording))
    for (const { zoneId } of zones) {
      const ids = await ledgerOf(store, zoneId)
      expect(ids).toHaveLength(120)
      expect(ids.map((id) => verdicts.get(id))).toEqual(ids.map((_, leaf) => at(leaf)))
    }
  } finally {
    await Promise.all(nodes.map((node) => node.close()))
    await store.close()
  }
})

test('a batch locks its zones in one order, however its items come', async () => {
  const store = await openMandateStore()
  const queue = new CommitQueue({ connection: store.connection, onError: () => {} })
  const [holder, other] = [new pg.Client(clientConfig(store.connection)), new pg.Client(clientConfig(store.connection))]
  try {
    const zones = [await createZone(store), await createZone(store)]
    const [lower, higher] = zones.sort((a, b) => (a.zoneId < b.zoneId ? -1 : 1)) as [Zone, Zone]
    await Promise.all([holder.connect(), other.connect()])
    const lock = 'SELECT FROM countersign.zone_heads WHERE zone_id = $1 FOR NO KEY UPDATE'
    await holder.query('BEGIN')
    await holder.query(lock, [lower.zoneId])
    const recording = Promise.all([queue.submit(itemOf(higher)), queue.submit(itemOf(lower))])
    await vi.waitFor(async () => {
      const waits = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
      expect((await other.query(waits)).rowCount).toBe(1)
    })
    // What waits for the lower holds nothing that another could wait for.
    await other.query(`${lock} NOWAIT`, [higher.zoneId])
    await holder.query('COMMIT')
    expect(await recording).toEqual([at(0), at(0)])
  } finally {
    await Promise.all([holder.end(), other.end()])
    await queue.close()
    await store.close()
  }
})

test('of a batch larger than any buffer on its way, what cannot be written keeps none of the others', async () => {
  const store = await openMandateStore()
  const queue = new CommitQueue({ connection: store.connection, onError: () => {} })
  try {
    const zone = await createZone(store)
    for (let round = 0; round < 3; round++) {
      const items = Array.from({ length: 40 }, () => itemOf(zone, 'x'.repeat(50_000)))
      const [first] = items as [CommitItem]
      const broken = { ...first, event: { ...first.event, openings: 'no JSON' } }
      const settled = await Promise.allSettled([broken, ...items.slice(1)].map((item) => queue.submit(item)))
      expect(settled[0]).toMatchObject({ status: 'rejected', reason: { code: '22P02' } })
      expect(settled.slice(1)).toEqual(
        items.slice(1).map((_, n) => ({ status: 'fulfilled', value: at(round * 39 + n) })),
      )
    }
    expect(await ledgerOf(store, zone.zoneId)).toHaveLength(3 * 39)
  } finally {
    await queue.close()
    await store.close()
  }
})

const STALE: Verdict = { status: 'stale' }

interface Zone {
  readonly zoneId: string
  readonly revision: number
}

async function createZone(store: MandateStore): Promise<Zone> {
  const zoneId = await store.createZone(Date.now())
  return { zoneId, revision: (await store.snapshot(zoneId)).revision }
}

function itemOf({ zoneId, revision }: Zone, note = '', secret?: string): CommitItem {
  const event = createEvent({
    zoneId,
    now: Date.now(),
    fields: { type: 'test', outcome: 'recorded', note, ...(secret !== undefined && { secret: new Personal(secret) }) },
    id: randomUUID(),
  })
  return { zoneId, revision, event, anchors: [] }
}

function at(leafIndex: number): Verdict {
  return { status: 'recorded', leafIndex }
}

/** The ids of a zone's events in the order of their leaves, which are as many as its tree has. */
async function ledgerOf({ db }: MandateStore, zoneId: string): Promise<string[]> {
  const events = await db
    .selectFrom('audit_events')
    .select(['id', 'leaf_index'])
    .where('zone_id', '=', zoneId)
    .execute()
  const head = await db.selectFrom('zone_heads').select('tree_size').where('zone_id', '=', zoneId).executeTakeFirst()
  events.sort((a, b) => a.leaf_index - b.leaf_index)
  expect(events.map(({ leaf_index }) => leaf_index)).toEqual(Array.from({ length: head?.tree_size ?? 0 }, (_, n) => n))
  return events.map(({ id }) => id)
}
