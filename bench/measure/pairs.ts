import type { Node, Rig } from '../exchange/rig.js'
import { closedLoop, type NextRequest } from '../load/closed-loop.js'
import { processFigures } from '../load/process-figures.js'
import { BrokenRun, expectOnly } from '../load/tally.js'
import type { Bench } from './bench.js'
import { median } from './median.js'

/** One of the two that take turns. */
export interface Contender {
  readonly label: string
  readonly nodes: readonly Node[]
  /** The one status that its answers may have. */
  readonly status: number
  /** Prepares what one run sends, `atMost` requests of which not all are used; outside the time that is measured. */
  readonly requests: (atMost: number) => Promise<NextRequest>
  /** How many events its ledger holds; every answer must have added one. */
  readonly recorded?: (() => Promise<number>) | undefined
  /** Where it runs, when that is not the bench's own. */
  readonly rig?: Rig
}

/** Of one run, or medians of many. Times in milliseconds, CPU in microseconds for a request, memory in MB. */
export interface Figures {
  readonly rps: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly cpuUs: number
  readonly databaseCpuUs: number
  readonly rssMb: number
}

export interface Pairs {
  readonly ours: Figures
  readonly floor: Figures
  /** The median of the pairs' ratios of requests a second. */
  readonly ratio: number
}

// Requests a second assumed before the first run.
const FIRST_GUESS = 4_000
const MOST_WARM_SECONDS = 6

/** Runs both in turn, the other first in every second pair so that drift favours neither, and takes medians. */
export async function interleave(bench: Bench, name: string, ours: Contender, floor: Contender): Promise<Pairs> {
  const { plan, progress } = bench
  const fastest = new Map<Contender, number>()
  const turn = async (contender: Contender, seconds: number): Promise<Figures> => {
    const rate = fastest.get(contender) ?? FIRST_GUESS
    const figures = await runOnce(bench, contender, seconds, Math.ceil(rate * seconds * 1.5) + plan.connections)
    fastest.set(contender, Math.max(fastest.get(contender) ?? 0, figures.rps))
    return figures
  }
  progress(`${name}: warming up`)
  for (const contender of [floor, ours]) await warmUp(bench, contender, turn)

  const pairs: { ours: Figures; floor: Figures }[] = []
  for (let n = 1; n <= plan.pairs && (n === 1 || !isLate(bench)); n++) {
    const first = await turn(n % 2 === 1 ? ours : floor, plan.seconds)
    const second = await turn(n % 2 === 1 ? floor : ours, plan.seconds)
    const pair = n % 2 === 1 ? { ours: first, floor: second } : { ours: second, floor: first }
    pairs.push(pair)
    const rates = `${Math.round(pair.ours.rps)}/s, ${floor.label} ${Math.round(pair.floor.rps)}/s`
    progress(`${name}: pair ${n} of ${plan.pairs}: ${rates}, ratio ${(pair.ours.rps / pair.floor.rps).toFixed(2)}`)
  }
  await bench.rig.emptyLedgers()
  return {
    ours: medians(pairs.map((pair) => pair.ours)),
    floor: medians(pairs.map((pair) => pair.floor)),
    ratio: median(pairs.map((pair) => pair.ours.rps / pair.floor.rps)),
  }
}

/** Sends load until code is compiled and caches are full, and leaves the database with statistics. */
export async function warmUp(
  bench: Bench,
  contender: Contender,
  turn: (contender: Contender, seconds: number) => Promise<Figures>,
): Promise<Figures> {
  const { warmSeconds, warmRequests } = bench.plan
  // By time and by requests, so that code is as optimised on a slow machine as on a fast one.
  for (let seconds = 0, requests = 0; ; ) {
    const figures = await turn(contender, warmSeconds)
    seconds += warmSeconds
    requests += figures.rps * warmSeconds
    if (requests < warmRequests && seconds < MOST_WARM_SECONDS) continue
    // Autovacuum looks once a minute; what comes after it is measured, not what comes before.
    await (contender.rig ?? bench.rig).database.query('ANALYZE')
    return figures
  }
}

/** Whether a run in a hurry should measure no more pairs. */
export function isLate({ plan, startedAt }: Bench): boolean {
  return performance.now() - startedAt > plan.hurryAfterSeconds * 1000
}

/** @throws BrokenRun when an answer is not what it must be, or is not in the ledger */
export async function runOnce(bench: Bench, contender: Contender, seconds: number, atMost: number): Promise<Figures> {
  const { plan } = bench
  const { label, nodes, status, recorded, rig = bench.rig } = contender
  const next = await contender.requests(atMost)
  const eventsBefore = await recorded?.()
  const before = nodes.map(({ pid }) => processFigures(pid))
  const databaseBefore = rig.databaseCpuUs()
  const result = await closedLoop({ targets: nodes, connections: plan.connections, ms: seconds * 1000, next })
  const after = nodes.map(({ pid }) => processFigures(pid))
  const databaseAfter = rig.databaseCpuUs()
  expectOnly(label, result, status)
  const added = (await recorded?.()) ?? 0
  if (eventsBefore !== undefined && added - eventsBefore < result.requests) {
    throw new BrokenRun(`${label}: ${result.requests} answers, but ${added - eventsBefore} events in the ledger`)
  }
  const { latency, requests } = result
  const cpuUs = after.reduce((sum, now, n) => sum + (now?.cpuUs ?? Number.NaN) - (before[n]?.cpuUs ?? Number.NaN), 0)
  return {
    rps: requests / result.seconds,
    p50Ms: latency.quantile(0.5),
    p99Ms: latency.quantile(0.99),
    p999Ms: latency.quantile(0.999),
    cpuUs: cpuUs / requests,
    databaseCpuUs: ((databaseAfter ?? Number.NaN) - (databaseBefore ?? Number.NaN)) / requests,
    rssMb: Math.max(...after.map((now) => now?.rssMb ?? Number.NaN)),
  }
}

function medians(runs: readonly Figures[]): Figures {
  const of = (read: (figures: Figures) => number): number => median(runs.map(read))
  return {
    rps: of((it) => it.rps),
    p50Ms: of((it) => it.p50Ms),
    p99Ms: of((it) => it.p99Ms),
    p999Ms: of((it) => it.p999Ms),
    cpuUs: of((it) => it.cpuUs),
    databaseCpuUs: of((it) => it.databaseCpuUs),
    rssMb: of((it) => it.rssMb),
  }
}
