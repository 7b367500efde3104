import { growStore } from '../exchange/grown-store.js'
import { startRig } from '../exchange/rig.js'
import { createZone } from '../exchange/zone.js'
import type { Bench } from '../measure/bench.js'
import { interleave } from '../measure/pairs.js'
import { type Row, row } from '../report/row.js'
import { plainContender } from './exchange.js'

const MOST = 1.3

/** A plain exchange on a store that has seen a lot, beside one on an empty store; each store has a server of its own. */
export async function growthPart(bench: Bench): Promise<readonly Row[]> {
  const { plan, progress } = bench
  const grown = await startRig()
  try {
    const filler = await grown.service()
    const grownZone = await createZone(grown, filler)
    const size = await growStore(grown, filler, plan.growth, progress)
    await filler.stop()
    const [emptyService, grownService] = [await bench.rig.service(), await grown.service()]
    try {
      const emptyZone = await createZone(bench.rig, emptyService)
      const ours = plainContender({ ...bench, rig: grown }, grownZone, [grownService], 'grown store')
      const floor = plainContender(bench, emptyZone, [emptyService], 'empty store')
      const pairs = await interleave(bench, 'growth', { ...ours, rig: grown }, floor)
      const p50 = pairs.ours.p50Ms / pairs.floor.p50Ms
      const p99 = pairs.ours.p99Ms / pairs.floor.p99Ms
      return [
        row({
          name: 'plain exchange, grown store',
          ...pairs.ours,
          floorRps: pairs.floor.rps,
          floorP99Ms: pairs.floor.p99Ms,
          floorCpuUs: pairs.floor.cpuUs,
          ratio: pairs.ratio,
          against: 'plain exchange, empty store',
          targets: [
            { wanted: `p50 ≤ ${MOST} ×`, kept: p50 <= MOST },
            { wanted: `p99 ≤ ${MOST} ×`, kept: p99 <= MOST },
          ],
          note: `p50 ${p50.toFixed(2)} × and p99 ${p99.toFixed(2)} × those of the empty store; ${size}`,
        }),
      ]
    } finally {
      await Promise.all([emptyService.stop(), grownService.stop()])
    }
  } finally {
    await grown.close()
  }
}
