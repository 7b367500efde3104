import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createZone } from '../exchange/zone.js'
import type { Bench } from '../measure/bench.js'
import { runOnce } from '../measure/pairs.js'
import { type CpuProfile, lastOf, shareByPlace } from '../report/cpu-profile.js'
import { plainContender } from './exchange.js'

/** What takes less is summed up. */
const LEAST_SHARE = 0.01

/**
 * Where the main thread's time goes in a plain exchange under full load, by V8's sampling profiler; what came before the
 * load is left out.
 *
 * @returns a Markdown table
 */
export async function profilePart(bench: Bench): Promise<string> {
  const { rig, plan } = bench
  const directory = mkdtempSync(join(tmpdir(), 'countersign-profile-'))
  try {
    // Not the bundle, in which every place would be the same file.
    const places = ['--conditions=@countersign/unbundled']
    const profiler = ['--cpu-prof', `--cpu-prof-dir=${directory}`, '--cpu-prof-interval=500']
    const service = await rig.service([...places, ...profiler])
    const contender = plainContender(bench, await createZone(rig, service), [service])
    bench.progress('profile: warming up')
    await runOnce(bench, contender, Math.max(3, plan.warmSeconds), 0)
    bench.progress('profile: under full load')
    const started = performance.now()
    const figures = await runOnce(bench, contender, Math.max(5, plan.seconds * 4), 0)
    await service.stop()
    const loadedUs = (performance.now() - started) * 1000
    const [file = ''] = readdirSync(directory)
    const profile = JSON.parse(readFileSync(join(directory, file), 'utf8')) as CpuProfile
    const shares = shareByPlace(lastOf(profile, loadedUs))
    const small = shares.filter(({ share }) => share < LEAST_SHARE)
    const shown = [
      ...shares.filter(({ share }) => share >= LEAST_SHARE),
      { place: `${small.length} others`, share: small.reduce((sum, { share }) => sum + share, 0) },
    ]
    return [
      `${Math.round(figures.rps)} exchanges/s under the profiler; ${figures.cpuUs.toFixed(0)} µs of CPU each in all threads of the process`,
      '',
      '| where | share of the main thread |',
      '| --- | --: |',
      ...shown.map(({ place, share }) => `| ${place} | ${(share * 100).toFixed(1)} % |`),
    ].join('\n')
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
