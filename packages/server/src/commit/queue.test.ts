import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
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
    const depths: number[] = []
    const record = async (): Promise<number> => {
      const event = createEvent({ zoneId, now, fields: { type: 'test', outcome: 'recorded' }, id: randomUUID() })
      const verdict = await queue.submit({ zoneId, revision, event, anchors: [] })
      depths.push(queue.depth)
      return verdict.status === 'recorded' ? verdict.leafIndex : Number.NaN
    }
    const recording = Promise.all(Array.from({ length: 64 }, record))
    await new Promise((resolve) => setImmediate(resolve))
    expect(queue.depth).toBe(32)
    const leaves = await recording
    expect(new Set(leaves).size).toBe(64)
    expect(leaves).not.toContain(Number.NaN)
    // The other half was sent before the first of them heard of it.
    expect(depths).toEqual(Array.from({ length: 64 }, () => 0))
  } finally {
    await queue.close()
    await close()
  }
})
