import type { Rig } from '../exchange/rig.js'
import type { Plan } from '../options.js'
import type { Progress } from '../report/progress.js'

/** What every part of the bench works with. */
export interface Bench {
  readonly rig: Rig
  readonly plan: Plan
  readonly progress: Progress
  /** By `performance.now()`. */
  readonly startedAt: number
  /** Where the plot goes. */
  readonly plot: string
}
