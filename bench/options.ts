import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

export const PARTS = [
  'exchange',
  'decision',
  'waiting',
  'start',
  'load',
  'memory',
  'growth',
  'profile',
  'rego',
] as const
export type PartName = (typeof PARTS)[number]

/** How much is measured. */
export interface Plan {
  /** Pairs of service and floor. */
  readonly pairs: number
  /** Of one run. */
  readonly seconds: number
  readonly warmSeconds: number
  /** Warming up goes on until there were so many. */
  readonly warmRequests: number
  readonly connections: number
  /** Of the run that shows whether memory stays flat. */
  readonly memorySeconds: number
  readonly waiters: number
  readonly approvals: number
  readonly starts: number
  /** Of each rate of the plot, and of the overload. */
  readonly rateSeconds: number
  /** After so many seconds the rest is measured in single pairs. */
  readonly hurryAfterSeconds: number
  /** The share of the real size that the grown store has. */
  readonly growth: number
}

export interface Options {
  readonly help: boolean
  readonly json: boolean
  readonly smoke: boolean
  readonly parts: ReadonlySet<PartName>
  /** Where the plot goes. */
  readonly plot: string
  /** A document whose figures are replaced by this run's. */
  readonly document: string | undefined
  readonly plan: Plan
}

export const USAGE = `npm run bench -- [part …] [options]

  parts        ${PARTS.join(', ')}
               (all of them by default, but for growth and profile; --quick leaves out rego too)
  --quick      three short pairs; ends within two minutes
  --smoke      one very short pair, and fails only where something does not work
  --soak       look at memory for ten minutes instead of one
  --growth     also measure on a store of a million sessions and five million events
  --json       only {"rows": […]} on standard output (npm itself prints lines of its own: npm run --silent bench -- --json)
  --plot PATH  where the plot of latency against load goes (bench/results/latency.svg)
  --document PATH  put the figures into a document, between its markers
`

const FULL: Plan = {
  pairs: 7,
  seconds: 3,
  warmSeconds: 3,
  warmRequests: 20_000,
  connections: 64,
  memorySeconds: 60,
  waiters: 1_000,
  approvals: 250,
  starts: 7,
  rateSeconds: 4,
  hurryAfterSeconds: Number.POSITIVE_INFINITY,
  growth: 1,
}

const QUICK: Plan = {
  ...FULL,
  pairs: 3,
  seconds: 0.6,
  warmSeconds: 0.6,
  warmRequests: 3_000,
  memorySeconds: 5,
  approvals: 100,
  starts: 2,
  rateSeconds: 0.6,
  hurryAfterSeconds: 40,
  growth: 0.02,
}

const SMOKE: Plan = {
  ...QUICK,
  pairs: 1,
  seconds: 0.2,
  warmSeconds: 0.1,
  warmRequests: 1,
  memorySeconds: 1,
  waiters: 50,
  approvals: 10,
  starts: 1,
  rateSeconds: 0.2,
  growth: 0.001,
}

/** @throws TypeError that says which argument is not one */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
      growth: { type: 'boolean', default: false },
      soak: { type: 'boolean', default: false },
      plot: { type: 'string' },
      document: { type: 'string' },
    },
  })
  const { quick, smoke, growth, soak } = values
  const plan = smoke ? SMOKE : quick ? QUICK : FULL
  const named = positionals.map(partName)
  const usual = PARTS.filter((part) => !OPT_IN.has(part) && !((quick || smoke) && part === 'rego'))
  const parts = new Set([...(named.length > 0 ? named : usual), ...(growth ? ['growth' as const] : [])])
  if (soak && !parts.has('memory')) throw new TypeError('--soak is for the part memory')
  return {
    help: values.help,
    json: values.json,
    smoke,
    parts,
    plot: values.plot ?? fileURLToPath(new URL('../results/latency.svg', import.meta.url)),
    document: values.document,
    plan: soak ? { ...plan, memorySeconds: 600 } : plan,
  }
}

const OPT_IN: ReadonlySet<PartName> = new Set(['growth', 'profile'])

function partName(text: string): PartName {
  const found = PARTS.find((part) => part === text)
  if (found === undefined) throw new TypeError(`there is no part ${text}; the parts are ${PARTS.join(', ')}`)
  return found
}
