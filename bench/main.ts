import { readFileSync, writeFileSync } from 'node:fs'
import { type Rig, startRig } from './exchange/rig.js'
import type { Bench } from './measure/bench.js'
import { type Options, type PartName, readOptions, USAGE } from './options.js'
import { decisionPart } from './parts/decision.js'
import { exchangePart } from './parts/exchange.js'
import { growthPart } from './parts/growth.js'
import { loadPart } from './parts/load.js'
import { memoryPart } from './parts/memory.js'
import { profilePart } from './parts/profile.js'
import { regoPart } from './parts/rego.js'
import { startPart } from './parts/start.js'
import { waitingPart } from './parts/waiting.js'
import { putBetweenMarkers } from './report/document.js'
import { machine, method } from './report/machine.js'
import { toMarkdown } from './report/markdown.js'
import { progressOn } from './report/progress.js'
import { type Row, toJson } from './report/row.js'
import { expectSane } from './report/sane.js'

/** Parts whose figures are rows, in the order of the table. */
const ROWS: readonly (readonly [PartName, (bench: Bench) => Promise<readonly Row[]>])[] = [
  ['exchange', exchangePart],
  ['decision', decisionPart],
  ['waiting', waitingPart],
  ['load', loadPart],
  ['memory', memoryPart],
  ['start', startPart],
  ['growth', growthPart],
]

/** Parts whose figures are a text of their own. */
const TEXTS: readonly (readonly [PartName, (bench: Bench) => Promise<string>])[] = [
  ['profile', profilePart],
  ['rego', regoPart],
]

let starting: Promise<Rig> | undefined
let interrupted = false

async function run(options: Options): Promise<void> {
  const { plan, parts, plot } = options
  const progress = progressOn(process.stderr)
  const startedAt = performance.now()
  progress('starting the database')
  starting = startRig()
  const rig = await starting
  const bench: Bench = { rig, plan, progress, plot, startedAt }
  const rows: Row[] = []
  for (const [part, measure] of ROWS) if (parts.has(part)) rows.push(...(await measure(bench)))
  const texts: string[] = []
  for (const [part, measure] of TEXTS) if (parts.has(part)) texts.push(`${part}\n\n${await measure(bench)}`)
  if (options.smoke) expectSane(rows)

  const about = `${machine(rig.databaseVersion)}\n\n${method(plan)}`
  const report = [about, toMarkdown(rows), ...texts].join('\n\n')
  if (options.document !== undefined) {
    writeFileSync(options.document, putBetweenMarkers(readFileSync(options.document, 'utf8'), report))
  }
  if (parts.has('load')) progress(`the plot is in ${plot}`)
  if (options.json) {
    process.stderr.write(`${report}\n`)
    process.stdout.write(`${toJson(rows)}\n`)
  } else process.stdout.write(`${report}\n`)
}

/** Stops whatever runs; a second signal does not wait for it. */
function stopOn(signal: NodeJS.Signals, code: number): void {
  process.on(signal, () => {
    if (interrupted) process.exit(code)
    interrupted = true
    process.stderr.write('stopping\n')
    const closed = starting?.then((rig) => rig.close()).catch(() => {})
    void Promise.resolve(closed).then(() => process.exit(code))
  })
}

async function main(): Promise<void> {
  let options: Options
  try {
    options = readOptions(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`)
    process.exitCode = 2
    return
  }
  if (options.help) {
    process.stdout.write(USAGE)
    return
  }
  stopOn('SIGINT', 130)
  stopOn('SIGTERM', 143)
  try {
    await run(options)
  } catch (error) {
    // What breaks after the signal breaks because of it.
    if (interrupted) return
    process.exitCode = 1
    const known = error instanceof Error && error.name === 'BrokenRun'
    process.stderr.write(`the bench broke off: ${known ? error.message : String((error as Error).stack ?? error)}\n`)
  } finally {
    if (!interrupted) await starting?.then((rig) => rig.close()).catch(() => {})
  }
}

await main()
