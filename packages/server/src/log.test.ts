import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Answered, answersTo, openLog } from './log.js'

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

test("an answer's line is the one that the log would write itself", async () => {
  const file = join(directory, 'log')
  const { log, logAnswer, flush } = openLog(file)
  const id = '3e4b9d0a-52d6-4a5c-9c1e-0d1f6a2b7c8d'
  const answered: Answered[] = [
    { id, method: 'POST', route: '/oauth/2/token', status: 200, ms: 12.3456 },
    { id: 'mine.1:2_3-4', method: 'GET', route: '/v1/zones/:zone_id', status: 404, ms: 0.04 },
    { id, method: 'M-SEARCH', route: null, status: 499, ms: 30_000 },
  ]
  for (const each of answered) {
    answersTo(log)(each)
    logAnswer(each)
  }
  await flush()
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  const timeless = lines.map((line) => line.replace(/"time":\d{13},/, '"time":T,'))
  expect(timeless).toHaveLength(6)
  for (const n of [0, 2, 4]) expect(timeless[n + 1]).toBe(timeless[n])
  expect(lines.map((line) => JSON.parse(line).status)).toEqual([200, 200, 404, 404, 499, 499])
})
