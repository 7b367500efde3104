import { randomUUID } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { openMandateStore } from '../../test/mandate/store.js'

test('zones that nobody has are asked after together, and none of them is loaded', async () => {
  const { db, snapshots, createZone, close } = await openMandateStore()
  try {
    const zoneId = await createZone(Date.now())
    const loads = vi.spyOn(db, 'transaction')
    const unknown = Array.from({ length: 100 }, () => randomUUID())
    const found = await Promise.all([...unknown, zoneId].map((id) => snapshots.get(id)))
    expect(found.flatMap((snapshot) => snapshot?.zoneId ?? [])).toEqual([zoneId])
    expect(loads).toHaveBeenCalledTimes(1)
  } finally {
    await close()
  }
})
