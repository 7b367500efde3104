import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createZone } from '../exchange/zone.js'
import type { Bench } from '../measure/bench.js'
import { runOnce } from '../measure/pairs.js'
import { type CpuProfile, shareByPlace } from '../report/cpu-profile.js'
import { plainContender } from './exchange.js'

/**
 * Where the main thread's time goes in a plain exchange under full load, by V8's sampling profiler.
 *
 * @returns a Markdown table
 */
export async function profilePart(bench: Bench): Promise<string> {
  const { rig, plan } = bench
  const directory = mkdtempSync(join(tmpdir(), 'countersign-profile-'))
  try {
    const service = await rig.service(['--cpu-prof', `--cpu-prof-dir=${directory}`, '--cpu-prof-interval=500'])
    const contender = plainContender(bench, await createZone(rig, service), [service])
    bench.progress('profile: one run under full load')
    const figures = await runOnce(bench, contender, Math.max(3, plan.seconds * 4), 0)
    await service.stop()
    const [file = ''] = readdirSync(directory)
    const profile = JSON.parse(readFileSync(join(directory, file), 'utf8')) as CpuProfile
    const lines = shareByPlace(profile).map(
      ({ place, share }) =>
        `| ${place} | ${(share * 100).toFixed(1)} % | ${((share * 1e6) / figures.rps).toFixed(1)} |`,
    )
    return [
      `${Math.round(figures.rps)} exchanges/s under the profiler, ${figures.cpuUs.toFixed(0)} µs of CPU each in all threads`,
      '',
      '| where | share of the main thread | µs an exchange |',
      '| --- | --: | --: |',
      ...lines,
    ].join('\n')
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
