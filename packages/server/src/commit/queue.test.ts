import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { expect, test, vi } from 'vitest'
import { openMandateStore } from '../../test/mandate/store.js'
import { createEvent } from '../ledger/event.js'
import { CommitQueue } from './queue.js'

test('while some are answered, the database already has those that follow', async () => {
  const { connection, createZone, snapshot, close } = await openMandateStore()
  const queue = new CommitQueue({ connection, onError: () => {} })
  try {
    const now = Date.now()
    const zoneId = await createZone(now)
    const { revision } = await snapshot(zoneId)
    const query = vi.spyOn(pg.Client.prototype, 'query')
    const sent: number[] = []
    const record = async (): Promise<number> => {
      const event = createEvent({ zoneId, now, fields: { type: 'test', outcome: 'recorded' }, id: randomUUID() })
      const verdict = await queue.submit({ zoneId, revision, event, anchors: [] })
      sent.push(query.mock.calls.length)
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
