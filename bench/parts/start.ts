import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild } from '../exchange/child.js'
import { serviceSettings } from '../exchange/rig.js'
import { BrokenRun } from '../load/tally.js'
import type { Bench } from '../measure/bench.js'
import { median } from '../measure/median.js'
import { type Row, row } from '../report/row.js'

/** From the start of the process to the first `ready`, with the database that the service brings, new and old. */
export async function startPart(bench: Pick<Bench, 'plan' | 'progress'>): Promise<readonly Row[]> {
  const first: number[] = []
  const again: number[] = []
  for (let n = 1; n <= bench.plan.starts; n++) {
    const dataDir = mkdtempSync(join(tmpdir(), 'countersign-bench-'))
    try {
      const rig = { dataDir, adminToken: randomBytes(32).toString('base64url'), kek: randomBytes(32).toString('hex') }
      const settings = serviceSettings(rig, { kind: 'embedded' })
      first.push(await startOnce(settings))
      again.push(await startOnce(settings))
    } finally {
      rmSync(dataDir, { recursive: true, force: true })
    }
    const [last, lastAgain] = [first.at(-1) ?? 0, again.at(-1) ?? 0]
    bench.progress(`start: ${n} of ${bench.plan.starts}: first ${last.toFixed(0)} ms, again ${lastAgain.toFixed(0)} ms`)
  }
  return [
    startRow('start to ready, existing store', again, 1_000),
    startRow('start to ready, first start', first, 3_000),
  ]
}

async function startOnce(settings: object): Promise<number> {
  const started = performance.now()
  const child = await startChild<{ port: number }>(new URL('../exchange/service-main.js', import.meta.url), settings)
  try {
    const answer = await fetch(`http://127.0.0.1:${child.ready.port}/readyz`)
    if (!answer.ok) throw new BrokenRun(`a service that has started is not ready: ${answer.status}`)
    return performance.now() - started
  } finally {
    await child.stop()
  }
}

function startRow(name: string, times: readonly number[], most: number): Row {
  const typical = median(times)
  return row({
    name,
    p50Ms: typical,
    targets: [{ wanted: `≤ ${most / 1000} s`, kept: typical <= most }],
    note: `median of ${times.length} starts of the process with its own database, to the first \`/readyz\` with 200`,
  })
}
