import { describeRequest } from '../challenges/challenge.js'
import { findChallenge } from '../challenges/find.js'
import { CliError, EXIT, type ExitCode } from '../cli-error.js'
import type { Io } from '../io.js'
import { findTarget, type TargetOptions } from '../local/target.js'

export interface RejectOptions extends TargetOptions {
  readonly reason?: string
}

/** Rejects a challenge of any type that is not used yet. */
export async function reject(io: Io, id: string, options: RejectOptions): Promise<ExitCode> {
  const target = await findTarget(io, options)
  const challenge = await findChallenge(target, id)
  if (challenge.state !== 'pending' && challenge.state !== 'satisfied') {
    throw new CliError(`Challenge ${challenge.id} is ${challenge.state} already.`)
  }
  const path = `/v1/zones/${challenge.zoneId}/step-up-challenges/${challenge.id}/reject`
  await target.api.post(path, { ...(options.reason !== undefined && { reason: options.reason }) })
  io.out(io.style.bad(`Rejected: ${describeRequest(challenge)}.`))
  return EXIT.done
}
