import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openLog } from './log.js'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'countersign-log-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

test('every line is written, in the order in which it was said, also what is said last before a stop', async () => {
  const file = join(directory, 'log')
  const { log, flush } = openLog(file)
  const said = Array.from({ length: 500 }, (_, n) => n)
  for (const n of said) {
    log.info({ n })
    if (n % 7 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await flush()
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  expect(lines.map((line) => JSON.parse(line).n)).toEqual(said)
})
