import { describeIdentity, describeRequest } from '../challenges/challenge.js'
import { findChallenge } from '../challenges/find.js'
import { CliError, EXIT, type ExitCode } from '../cli-error.js'
import { ApiError } from '../http/admin-api.js'
import { member, text } from '../http/request.js'
import type { Io } from '../io.js'
import { findTarget, type TargetOptions } from '../local/target.js'

export interface ApproveOptions extends TargetOptions {
  readonly reason?: string
}

/** Approves a `human_approval` challenge, and says what was approved. */
export async function approve(io: Io, id: string, options: ApproveOptions): Promise<ExitCode> {
  const target = await findTarget(io, options)
  const challenge = await findChallenge(target, id)
  if (challenge.type !== 'human_approval') throw new CliError(OTHER_TYPES[challenge.type])
  if (challenge.state !== 'pending') throw new CliError(`Challenge ${challenge.id} is ${challenge.state} already.`)
  const path = `/v1/zones/${challenge.zoneId}/step-up-challenges/${challenge.id}`
  const answer = await target.api
    .post(`${path}/satisfy`, { ...(options.reason !== undefined && { reason: options.reason }) })
    .catch((error: unknown) => {
      throw error instanceof ApiError ? explain(error) : error
    })
  const approvals = member(answer, 'approvals')
  const progress = `${member(approvals, 'have')} of ${member(approvals, 'need')}`
  if (typeof member(answer, 'satisfied_at') === 'string') {
    io.out(io.style.good(`Approved: ${describeRequest(challenge)}.`))
  } else {
    io.out(io.style.wait(`Recorded (${progress}): ${describeRequest(challenge)}. Other people must approve it too.`))
  }
  const proofs = member(await target.api.get(path), 'proofs')
  const ours = Array.isArray(proofs)
    ? proofs.find((proof) => member(proof, 'approver') === text(answer, 'approver'))
    : undefined
  io.out(io.style.dim(`Recorded as given by ${describeIdentity(member(ours, 'owner'))}.`))
  return EXIT.done
}

const OTHER_TYPES = {
  mfa: 'This is an mfa challenge: its user must authenticate again, and your authentication service reports that with POST …/satisfy.',
  software_attestation:
    'This is a software_attestation challenge: an attestation service answers it with POST …/satisfy.',
} as const

const HINTS: Readonly<Record<string, string>> = {
  self_approval: 'Whoever asks, or owns what asks, cannot approve. Somebody else must.',
  already_approved: 'Another person must approve it.',
  wrong_capability:
    'Use a token with the capability "approve" that belongs to a person; create one with POST /v1/admin-tokens.',
  owner_required: 'Create the token with an owner, so that it is known who approves.',
  invalid_token: 'The token is unknown to this service, or no longer in force.',
}

function explain(error: ApiError): CliError {
  const hint = HINTS[error.code]
  return hint === undefined ? error : new CliError(`${error.message}\n${hint}`)
}
