import { setTimeout as sleep } from 'node:timers/promises'
import { CHALLENGE_STATES } from '@countersign/protocol'
import { type Challenge, describeRequest, describeTime } from '../challenges/challenge.js'
import { listChallenges, zonesOf } from '../challenges/find.js'
import { EXIT, type ExitCode } from '../cli-error.js'
import type { Io } from '../io.js'
import { findTarget, type TargetOptions } from '../local/target.js'

/** What `--state` takes. */
export const STATES = [...CHALLENGE_STATES, 'all'] as const

export interface ChallengesOptions extends TargetOptions {
  readonly state: (typeof STATES)[number]
  readonly json?: boolean
  readonly watch?: boolean
}

const WATCH_MS = 1_000

/**
 * Lists challenges; with `--watch` goes on to print each new or changed one until Ctrl-C. With `--json` the list is one
 * JSON array, and a watch is one JSON object a line.
 */
export async function challenges(io: Io, options: ChallengesOptions): Promise<ExitCode> {
  const target = await findTarget(io, options)
  const zones = await zonesOf(target)
  const state = options.state === 'all' ? undefined : options.state
  const found = await listChallenges(target, zones, state)
  if (options.watch !== true) {
    if (options.json === true)
      io.out(
        JSON.stringify(
          found.map(({ raw }) => raw),
          null,
          2,
        ),
      )
    else if (found.length === 0) io.out(`No ${state ?? ''} challenges.`.replace('  ', ' '))
    for (const { challenge } of options.json === true ? [] : found) print(io, challenge)
    return EXIT.done
  }
  if (options.json !== true) io.out(io.style.dim('Watching; Ctrl-C ends.'))
  const seen = new Map<string, string>()
  for (let next = found; !io.signal.aborted; next = await listChallenges(target, zones, state)) {
    for (const { raw, challenge } of next) {
      const standing = `${challenge.state} ${challenge.approvals.have}`
      if (seen.get(challenge.id) === standing) continue
      seen.set(challenge.id, standing)
      if (options.json === true) io.out(JSON.stringify(raw))
      else print(io, challenge)
    }
    await sleep(WATCH_MS, undefined, { signal: io.signal }).catch(() => {})
    if (io.signal.aborted) break
  }
  return EXIT.done
}

function print(io: Io, challenge: Challenge): void {
  const { style } = io
  const { have, need } = challenge.approvals
  const state = {
    pending: style.wait,
    satisfied: style.good,
    rejected: style.bad,
    expired: style.dim,
    consumed: style.dim,
  }
  const details = [
    challenge.type,
    state[challenge.state](challenge.state),
    ...(need > 1 ? [`${have} of ${need} approvals`] : []),
    ...(challenge.state === 'pending' ? [`${describeTime(challenge.expiresAt - Date.now())} left`] : []),
  ]
  io.out(`${style.bold(challenge.id)}  ${details.join(', ')}`)
  io.out(`  ${describeRequest(challenge)}, for ${challenge.subject}`)
  for (const actor of challenge.actors) io.out(`  through ${actor}`)
  if (challenge.reason !== undefined) io.out(`  ${challenge.reason}`)
}
