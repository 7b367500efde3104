import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { expectRecorded } from '../exchange/ledger.js'
import type { Node } from '../exchange/rig.js'
import { type BenchZone, createZone } from '../exchange/zone.js'
import type { NextRequest } from '../load/closed-loop.js'
import { openLoop } from '../load/open-loop.js'
import { BrokenRun, expectOnly } from '../load/tally.js'
import type { Bench } from '../measure/bench.js'
import { median } from '../measure/median.js'
import { type Contender, isLate, runOnce, warmUp } from '../measure/pairs.js'
import { plotLatency } from '../report/plot.js'
import { type Row, row } from '../report/row.js'
import { floorContender, plainContender } from './exchange.js'

/** Shares of the closed-loop rate; the last may not be sustainable. */
const SHARES = [0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1]
const CONNECTIONS = 256
const OVERLOAD_CONNECTIONS = 1_024
/** A load is sustained when what arrived last is answered as quickly as what arrived first, and hardly anything refused. */
const MOST_BEHIND_SECONDS = 0.05
/** A share of what arrives. Were it nothing at all, one stall of the machine would halve the rate. */
const MOST_REFUSED = 0.001

/** Times at one rate of arrivals, in milliseconds. */
interface Point {
  readonly rate: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly sustained: boolean
}

/** Latency at fixed rates of arrivals, as a plot, and what happens at twice the rate that can be sustained. */
export async function loadPart(bench: Bench): Promise<readonly Row[]> {
  const { rig } = bench
  const [service, floor] = [await rig.service(), await rig.floor({ cache: true })]
  try {
    const zone = await createZone(rig, service)
    const floorCurve = await curve(bench, 'the floor', floorContender(bench, zone, floor))
    const plain = plainContender(bench, zone, [service])
    const ourCurve = await curve(bench, 'plain exchange', plain)
    writePlot(bench.plot, floorCurve, ourCurve)
    const sustained = ourCurve.filter((point) => point.sustained).at(-1)
    if (sustained === undefined) {
      const note = 'no rate could be sustained, so there is none to double'
      return [row({ name: 'overload', note, targets: [{ wanted: 'p99 ≤ 2 × at the sustainable load', kept: null }] })]
    }
    const rows = await overload(bench, zone, service, await plain.requests(0), sustained)
    await rig.emptyLedgers()
    return rows
  } finally {
    await Promise.all([service.stop(), floor.stop()])
  }
}

async function curve(bench: Bench, name: string, contender: Contender): Promise<readonly Point[]> {
  const { plan, progress } = bench
  progress(`${name}: warming up`)
  const { rps } = await warmUp(bench, contender, (it, seconds) => runOnce(bench, it, seconds, 0))
  const points: Point[] = []
  for (const share of SHARES) {
    const rate = Math.max(1, Math.round(rps * share))
    const next = await contender.requests(0)
    const connections = CONNECTIONS
    const result = await openLoop({ targets: contender.nodes, rate, ms: plan.rateSeconds * 1000, connections, next })
    const { latency, statuses, behind, requests } = result
    const [p50Ms, p99Ms, p999Ms] = [latency.quantile(0.5), latency.quantile(0.99), latency.quantile(0.999)]
    expectUnlessRefused(name, result, contender.status)
    const isTaken = (statuses.get(503) ?? 0) <= requests * MOST_REFUSED
    points.push({ rate, p50Ms, p99Ms, p999Ms, sustained: isTaken && behind <= Math.max(4, rate * MOST_BEHIND_SECONDS) })
    progress(`${name} at ${rate}/s: p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`)
  }
  return points
}

// Refusing for want of room is what a service may do here; anything else is a broken run.
function expectUnlessRefused(name: string, result: Parameters<typeof expectOnly>[1], status: number): void {
  const statuses = new Map([...result.statuses].filter(([seen]) => seen !== 503))
  expectOnly(name, { ...result, statuses }, status)
}

/** A run at one rate; times of what was accepted. */
interface Run {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly accepted: number
  readonly refused: number
  readonly refusedP99Ms: number
  readonly seconds: number
}

/**
 * The sustainable load and twice as much, in turn and as medians: whether a single short run meets a stall of the machine is
 * chance, and p99 would be of that.
 */
async function overload(
  bench: Bench,
  zone: BenchZone,
  service: Node,
  next: NextRequest,
  sustained: Point,
): Promise<readonly Row[]> {
  const { plan, progress } = bench
  const rate = sustained.rate * 2
  const calm: Run[] = []
  const crowded: Run[] = []
  for (let n = 1; n <= plan.pairs && (n === 1 || !isLate(bench)); n++) {
    const once = await runAt(bench, zone, service, next, { rate: sustained.rate, connections: CONNECTIONS })
    const twice = await runAt(bench, zone, service, next, { rate, connections: OVERLOAD_CONNECTIONS })
    calm.push(once)
    crowded.push(twice)
    const both = `p99 ${once.p99Ms.toFixed(1)} ms, at twice that ${twice.p99Ms.toFixed(1)} ms`
    progress(`overload: pair ${n} of ${plan.pairs}: at ${sustained.rate}/s ${both}`)
  }
  const p99Ms = medianOf(crowded, (run) => run.p99Ms)
  const kept = p99Ms <= 2 * medianOf(calm, (run) => run.p99Ms)
  const refused = medianOf(crowded, (run) => run.refused / (run.accepted + run.refused))
  const refusals =
    refused === 0
      ? 'nothing was refused'
      : `${(refused * 100).toFixed(0)} % were refused with 503 and Retry-After, p99 ${medianOf(crowded, (run) => run.refusedP99Ms).toFixed(1)} ms`
  const pairs = `median of ${calm.length} runs, in turn with the other row`
  return [
    row({
      name: 'plain exchange, sustainable load',
      ...figures(calm),
      note: `open loop; the highest rate of the plot at which at most one in a thousand is refused and nothing piles up; ${pairs}`,
    }),
    row({
      name: 'overload, twice the sustainable load',
      ...figures(crowded),
      targets: [{ wanted: 'p99 ≤ 2 × at the sustainable load', kept }],
      note: `${rate} arrive each second on ${OVERLOAD_CONNECTIONS} connections; the figures are of what was accepted; ${refusals}; each answer with a mandate was found in the ledger; ${pairs}`,
    }),
  ]
}

function figures(runs: readonly Run[]) {
  return {
    rps: medianOf(runs, (run) => run.accepted / run.seconds),
    p50Ms: medianOf(runs, (run) => run.p50Ms),
    p99Ms: medianOf(runs, (run) => run.p99Ms),
    p999Ms: medianOf(runs, (run) => run.p999Ms),
  }
}

function medianOf(runs: readonly Run[], read: (run: Run) => number): number {
  return median(runs.map(read))
}

/** @throws BrokenRun when a mandate is not in the ledger, or a refusal does not say when to come back */
async function runAt(
  bench: Bench,
  zone: BenchZone,
  service: Node,
  next: NextRequest,
  load: { readonly rate: number; readonly connections: number },
): Promise<Run> {
  const eventIds: string[] = []
  const result = await openLoop({
    targets: [service],
    ...load,
    ms: bench.plan.rateSeconds * 1000,
    next,
    onAnswer: ({ status, body }) => {
      const id = status === 200 ? /"event_id":"([^"]+)"/.exec(body)?.[1] : undefined
      if (id !== undefined) eventIds.push(id)
    },
  })
  expectUnlessRefused('overload', result, 200)
  const { statuses, latency, refusedLatency, refusedWithRetryAfter, requests, seconds } = result
  const accepted = statuses.get(200) ?? 0
  const refused = requests - accepted
  if (refusedWithRetryAfter < refused) throw new BrokenRun('a 503 without Retry-After')
  if (eventIds.length < accepted) throw new BrokenRun('a mandate without its receipt')
  await expectRecorded(bench.rig, zone, eventIds)
  return {
    p50Ms: latency.quantile(0.5),
    p99Ms: latency.quantile(0.99),
    p999Ms: latency.quantile(0.999),
    accepted,
    refused,
    refusedP99Ms: refused === 0 ? 0 : refusedLatency.quantile(0.99),
    seconds,
  }
}

function writePlot(path: string, floor: readonly Point[], ours: readonly Point[]): void {
  const line = (points: readonly Point[], of: (point: Point) => number) =>
    points.map((point) => ({ x: point.rate, y: of(point) }))
  const svg = plotLatency('Plain exchange: latency against load, open loop', [
    { label: 'exchange p99', color: '#c0392b', points: line(ours, (it) => it.p99Ms) },
    { label: 'exchange p50', color: '#c0392b', dashed: true, points: line(ours, (it) => it.p50Ms) },
    { label: 'floor p99', color: '#2c6fbb', points: line(floor, (it) => it.p99Ms) },
    { label: 'floor p50', color: '#2c6fbb', dashed: true, points: line(floor, (it) => it.p50Ms) },
  ])
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, svg)
}
