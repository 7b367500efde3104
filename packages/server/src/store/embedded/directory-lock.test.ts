import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type DirectoryLock, lockDirectory } from './directory-lock.js'

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-lock-'))
  await run(directory).finally(() => rm(directory, { recursive: true, force: true }))
}

test('never do two hold a directory, whoever comes when', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 30 }), { minLength: 2, maxLength: 6 }), (delays) =>
      inDirectory(async (directory) => {
        let holders = 0
        await Promise.all(
          delays.map(async (delay, pid) => {
            await new Promise((resolve) => setTimeout(resolve, delay))
            const lock = await lockDirectory(directory, { pid: pid + 1, patienceMs: 0 }).catch(() => undefined)
            if (lock === undefined) return
            holders += 1
            expect(holders).toBe(1)
            await new Promise((resolve) => setTimeout(resolve, delay))
            holders -= 1
            await lock.release()
          }),
        )
      }),
    ),
    { numRuns: 15 },
  )
})

test('a holder that is just ending is waited for', () =>
  inDirectory(async (directory) => {
    const first = await lockDirectory(directory)
    setTimeout(() => void first.release(), 200)
    const second = await lockDirectory(directory)
    await second.release()
  }))

test('the holder is named, and its directory is free again once it let go', () =>
  inDirectory(async (directory) => {
    const first: DirectoryLock = await lockDirectory(directory, { pid: 4711 })
    await expect(lockDirectory(directory)).rejects.toThrow('process 4711')
    await first.release()
    const second = await lockDirectory(directory)
    await second.release()
    expect(await readdir(directory)).toEqual(['holder'])
  }))
