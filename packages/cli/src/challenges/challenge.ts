import { CHALLENGE_STATES, CHALLENGE_TYPES, type ChallengeState, type ChallengeType } from '@countersign/protocol'
import { CliError } from '../cli-error.js'
import { member, text } from '../http/request.js'
import { plain } from '../io.js'

/** A challenge as the administration shows it; only what the terminal has use for. Instants in milliseconds. */
export interface Challenge {
  readonly id: string
  readonly zoneId: string
  readonly type: ChallengeType
  readonly state: ChallengeState
  readonly reason: string | undefined
  readonly application: string
  readonly subject: string
  readonly actors: readonly string[]
  readonly resources: readonly string[]
  readonly scopes: readonly string[]
  readonly approvals: { readonly have: number; readonly need: number }
  readonly approvers: readonly string[]
  readonly expiresAt: number
}

/** @throws CliError when it is not a challenge. */
export function readChallenge(value: unknown): Challenge {
  const type = CHALLENGE_TYPES.find((known) => known === member(value, 'challenge_type'))
  const state = CHALLENGE_STATES.find((known) => known === member(value, 'state'))
  if (type === undefined || state === undefined) {
    throw new CliError('The service answered with something that is not a challenge.')
  }
  const request = member(value, 'request')
  const application = member(value, 'application')
  const approvals = member(value, 'approvals')
  const reason = member(member(value, 'demand'), 'reason')
  const name = member(application, 'name')
  return {
    id: text(value, 'id'),
    zoneId: text(value, 'zone_id'),
    type,
    state,
    reason: typeof reason === 'string' ? plain(reason) : undefined,
    application: plain(typeof name === 'string' ? name : text(application, 'id')),
    subject: describeIdentity(member(request, 'subject')),
    actors: array(member(request, 'actor_chain')).map(describeIdentity),
    resources: array(member(request, 'resources')).map((resource) => plain(String(resource))),
    scopes: array(member(request, 'scopes')).map((scope) => plain(String(scope))),
    approvals: { have: Number(member(approvals, 'have')), need: Number(member(approvals, 'need')) },
    approvers: array(member(value, 'proofs')).map((proof) => describeIdentity(member(proof, 'owner'))),
    expiresAt: Date.parse(text(value, 'expires_at')),
  }
}

/** Who wants what, in words. */
export function describeRequest(challenge: Challenge): string {
  const scopes = challenge.scopes.join(' ') || 'a stronger session'
  const what = challenge.resources.length === 0 ? scopes : `${scopes} on ${challenge.resources.join(', ')}`
  return `${challenge.application} wants ${what}`
}

/** How long until then, as a person says it; `over` when it is. */
export function describeTime(ms: number): string {
  if (ms <= 0) return 'over'
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min${seconds % 60 === 0 ? '' : ` ${seconds % 60} s`}`
  return `${Math.floor(minutes / 60)} h${minutes % 60 === 0 ? '' : ` ${minutes % 60} min`}`
}

/** `user bob@example.com`, with the issuer that vouches for it if there is one. */
export function describeIdentity(value: unknown): string {
  const issuer = member(value, 'issuer')
  const name = `${String(member(value, 'kind') ?? 'somebody')} ${String(member(value, 'id') ?? '')}`
  return plain(typeof issuer === 'string' ? `${name} (${issuer})` : name)
}

function array(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
