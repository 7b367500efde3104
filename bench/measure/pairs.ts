import type { Node, Rig } from '../exchange/rig.js'
import { closedLoop, type NextRequest } from '../load/closed-loop.js'
import { Histogram } from '../load/histogram.js'
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
/** How long a turn of one lasts: a machine that is shared is slower for seconds, which should be the seconds of both. */
const TURN_SECONDS = 0.75

/**
 * Runs both in pairs, and takes medians. In a pair each has its turns, the other first in every second of them and in every
 * second pair, so that drift favours neither.
 */
export async function interleave(bench: Bench, name: string, ours: Contender, floor: Contender): Promise<Pairs> {
  const { plan, progress } = bench
  const fastest = new Map<Contender, number>()
  const most = (contender: Contender, seconds: number): number =>
    Math.ceil((fastest.get(contender) ?? FIRST_GUESS) * seconds * 1.5) + plan.connections
  const learn = (contender: Contender, figures: Figures): Figures => {
    fastest.set(contender, Math.max(fastest.get(contender) ?? 0, figures.rps))
    return figures
  }
  progress(`${name}: warming up`)
  for (const contender of [floor, ours]) {
    await warmUp(bench, contender, async (it, seconds) =>
      learn(it, await runOnce(bench, it, seconds, most(it, seconds))),
    )
  }

  const pairs: { ours: Figures; floor: Figures }[] = []
  for (let n = 1; n <= plan.pairs && (n === 1 || !isLate(bench)); n++) {
    let isOver = false
    const side = async (contender: Contender) => {
      const turns: Turn[] = []
      const next = await contender.requests(most(contender, plan.seconds))
      const nextOrOver = (): Buffer | undefined => {
        const request = next()
        // One that was faster than expected has no more requests: the round is the last, of both.
        if (request === undefined) isOver = true
        return request
      }
      return { contender, turns, next: nextOrOver }
    }
    const [one, other] = [await side(ours), await side(floor)]
    const order = n % 2 === 1 ? [one, other] : [other, one]
    const rounds = Math.max(1, Math.round(plan.seconds / TURN_SECONDS))
    for (let round = 0; round < rounds && !isOver; round++) {
      for (const { contender, turns, next } of order) {
        turns.push(await takeTurn(bench, contender, next, plan.seconds / rounds))
      }
      order.reverse()
    }
    const pair = { ours: learn(ours, figuresOf(one.turns)), floor: learn(floor, figuresOf(other.turns)) }
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
  return figuresOf([await takeTurn(bench, contender, await contender.requests(atMost), seconds)])
}

/** What one had of a turn, in sums. */
interface Turn {
  readonly requests: number
  readonly seconds: number
  readonly latency: Histogram
  readonly cpuUs: number
  readonly databaseCpuUs: number
  readonly rssMb: number
}

async function takeTurn(bench: Bench, contender: Contender, next: NextRequest, seconds: number): Promise<Turn> {
  const { label, nodes, status, recorded, rig = bench.rig } = contender
  const eventsBefore = await recorded?.()
  const before = nodes.map(({ pid }) => processFigures(pid))
  const databaseBefore = rig.databaseCpuUs()
  const result = await closedLoop({
    targets: nodes,
    connections: bench.plan.connections,
    ms: seconds * 1000,
    next,
  })
  const after = nodes.map(({ pid }) => processFigures(pid))
  const databaseAfter = rig.databaseCpuUs()
  expectOnly(label, result, status)
  const added = (await recorded?.()) ?? 0
  if (eventsBefore !== undefined && added - eventsBefore < result.requests) {
    throw new BrokenRun(`${label}: ${result.requests} answers, but ${added - eventsBefore} events in the ledger`)
  }
  return {
    requests: result.requests,
    seconds: result.seconds,
    latency: result.latency,
    cpuUs: after.reduce((sum, now, n) => sum + (now?.cpuUs ?? Number.NaN) - (before[n]?.cpuUs ?? Number.NaN), 0),
    databaseCpuUs: (databaseAfter ?? Number.NaN) - (databaseBefore ?? Number.NaN),
    rssMb: Math.max(...after.map((now) => now?.rssMb ?? Number.NaN)),
  }
}

function figuresOf(turns: readonly Turn[]): Figures {
  const latency = new Histogram()
  for (const turn of turns) latency.add(turn.latency)
  const sum = (read: (turn: Turn) => number): number => turns.reduce((total, turn) => total + read(turn), 0)
  const requests = sum((turn) => turn.requests)
  return {
    rps: requests / sum((turn) => turn.seconds),
    p50Ms: latency.quantile(0.5),
    p99Ms: latency.quantile(0.99),
    p999Ms: latency.quantile(0.999),
    cpuUs: sum((turn) => turn.cpuUs) / requests,
    databaseCpuUs: sum((turn) => turn.databaseCpuUs) / requests,
    rssMb: Math.max(...turns.map((turn) => turn.rssMb)),
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
