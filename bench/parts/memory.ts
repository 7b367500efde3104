import { createZone } from '../exchange/zone.js'
import { closedLoop } from '../load/closed-loop.js'
import { processFigures } from '../load/process-figures.js'
import { expectOnly } from '../load/tally.js'
import type { Bench } from '../measure/bench.js'
import { type Row, row } from '../report/row.js'
import { plainContender } from './exchange.js'

const MOST_MB = 250
const TEN_MINUTES = 600
/** Of a run that stays flat, the last fifth needs at most this much more than the second. */
const FLAT_WITHIN = 1.1
const CHUNK_SECONDS = 20

/** Memory of one process under full load, and whether it stays flat. */
export async function memoryPart(bench: Bench): Promise<readonly Row[]> {
  const { rig, plan, progress } = bench
  const service = await rig.service()
  const samples: number[] = []
  const sample = setInterval(() => samples.push(processFigures(service.pid)?.rssMb ?? Number.NaN), 250)
  try {
    const contender = plainContender(bench, await createZone(rig, service), [service])
    let requests = 0
    let seconds = 0
    while (seconds < plan.memorySeconds) {
      const ms = Math.min(CHUNK_SECONDS, plan.memorySeconds - seconds) * 1000
      const next = await contender.requests(0)
      const result = await closedLoop({ targets: [service], connections: plan.connections, ms, next })
      expectOnly('memory', result, 200)
      requests += result.requests
      seconds += Math.max(ms / 1000, result.seconds)
      progress(`memory: ${Math.round(seconds)} of ${plan.memorySeconds} s, ${samples.at(-1)?.toFixed(0)} MB`)
      // The disk would fill up with events, and it is not the disk that is looked at here.
      await rig.emptyLedgers()
    }
    const most = Math.max(...samples)
    const [early, late] = [mean(fifth(samples, 1)), mean(fifth(samples, 4))]
    const flat = { wanted: 'flat over 10 minutes', kept: seconds < TEN_MINUTES ? null : late <= early * FLAT_WITHIN }
    return [
      row({
        name: 'memory, 1 process under full load',
        rps: requests / seconds,
        rssMb: most,
        targets: [{ wanted: `≤ ${MOST_MB} MB`, kept: most <= MOST_MB }, flat],
        note: `the most in ${Math.round(seconds)} s; on average ${early.toFixed(0)} MB in the second fifth of that and ${late.toFixed(0)} MB in the last`,
      }),
    ]
  } finally {
    clearInterval(sample)
    await service.stop()
  }
}

function fifth(samples: readonly number[], n: number): readonly number[] {
  return samples.slice(Math.floor((samples.length * n) / 5), Math.ceil((samples.length * (n + 1)) / 5))
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
