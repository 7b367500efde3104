import { type Row, row, type Target } from '../report/row.js'
import type { Pairs } from './pairs.js'

/** The row of some pairs. */
export function pairRow(
  name: string,
  pairs: Pairs,
  more: { readonly against: string; readonly targets: readonly Target[]; readonly note?: string },
): Row {
  const { ours, floor, ratio } = pairs
  return row({
    name,
    ...ours,
    floorRps: floor.rps,
    floorP99Ms: floor.p99Ms,
    floorCpuUs: floor.cpuUs,
    ratio,
    against: more.against,
    targets: more.targets,
    note: more.note ?? null,
  })
}

export function atLeast(least: number, ratio: number): Target {
  return { wanted: `ratio ≥ ${least}`, kept: ratio >= least }
}

/** That p99 is within a multiple of the floor's. */
export function p99Within(factor: number, { ours, floor }: Pairs): Target {
  return { wanted: `p99 ≤ ${factor} × the floor's`, kept: ours.p99Ms <= factor * floor.p99Ms }
}
