import { type Identity, identityKey, type PauseResponse } from '@countersign/protocol'
import { findLive, readChallenge } from '../challenge/queries.js'
import type { StoredChallenge } from '../challenge/record.js'
import { newSecret } from '../challenge/secrets.js'
import type { NewChallenge } from '../commit/item.js'
import { lifeOf, type StepUpDemand, storedDemand } from '../policy/demand.js'
import type { ResolvedChallenge } from '../policy/proof.js'
import { newId } from '../store/ids.js'
import type { Binding } from './binding.js'
import type { Attempt, ExchangeDeps } from './context.js'
import type { Parties } from './parties.js'
import { challengeInvalid } from './refusal.js'

/** A pause: the challenge the requester is to wait for, and what has to be written for it. */
export interface Pause {
  readonly challengeId: string
  readonly type: StepUpDemand['type']
  readonly create?: NewChallenge
  readonly join?: { readonly challengeId: string; readonly secretHash: Buffer }
  readonly body: Omit<PauseResponse, 'requestId' | 'receipt'>
}

/** The principal of a request: whose challenges and failures are counted together. */
export function principalOf(parties: Parties): string {
  return identityKey(parties.subject)
}

/** A new challenge for a demand; `chain` holds the resolved challenges it follows, the nearest first. */
export function createPause(
  attempt: Attempt,
  parties: Parties,
  binding: Binding,
  demand: StepUpDemand,
  chain: readonly ResolvedChallenge[],
  webhookPayload: (challenge: NewChallenge) => string | null,
): Pause {
  const { secret, hash } = newSecret()
  const challenge: NewChallenge = {
    id: newId(attempt.now),
    sessionId: parties.session.id,
    principalId: principalOf(parties),
    applicationId: parties.application.id,
    type: demand.type,
    demand: storedDemand(demand),
    proverSubject: proverSubject(parties),
    ...requesters(attempt, parties),
    requestJson: binding.json,
    bindingHash: binding.hash,
    chain: chain.map(({ id }) => id),
    createdAt: attempt.now,
    expiresAt: attempt.now + lifeOf(demand) * 1000,
    secretHash: hash,
    webhookPayload: null,
  }
  return {
    challengeId: challenge.id,
    type: demand.type,
    create: { ...challenge, webhookPayload: webhookPayload(challenge) },
    body: pauseBody(challenge, secret),
  }
}

/** Joins the live challenge of the same request, with a secret of one's own; undefined when there is none. */
export async function joinPause(deps: ExchangeDeps, attempt: Attempt, binding: Binding): Promise<Pause | undefined> {
  const { zoneId } = attempt.snapshot
  const live = await findLive(deps.db, zoneId, attempt.application.id, binding.hash)
  if (live === undefined) return undefined
  const { challenge } = await readChallenge(deps.db, zoneId, live.id)
  if (challenge === undefined) return undefined
  const { secret, hash } = newSecret()
  return {
    challengeId: challenge.id,
    type: challenge.type,
    join: { challengeId: challenge.id, secretHash: hash },
    body: pauseBody(challenge, secret),
  }
}

/** Joins what stands on a challenge that was presented in its stead. */
export async function joinSuccessor(deps: ExchangeDeps, attempt: Attempt, binding: Binding): Promise<Pause> {
  const joined = await joinPause(deps, attempt, binding)
  if (joined === undefined) throw challengeInvalid('successor_ended')
  return joined
}

/** The same answer again for one who asks too early: nothing is handed out twice. */
export function sameAgain(challenge: Described): Pause {
  return { challengeId: challenge.id, type: challenge.type, body: pauseBody(challenge, undefined) }
}

type Described = Pick<StoredChallenge, 'id' | 'type' | 'demand' | 'expiresAt'>

function pauseBody(challenge: Described, secret: string | undefined): Pause['body'] {
  const { id, type, demand, expiresAt } = challenge
  return {
    error: 'interaction_required',
    error_description: DESCRIPTIONS[type],
    challenge_id: id,
    challenge_type: type,
    ...(secret === undefined ? {} : { challenge_secret: secret }),
    challenge_expires_at: new Date(expiresAt).toISOString(),
    ...(demand.aal === undefined ? {} : { acr_values: demand.aal }),
    ...(demand.max_age === undefined ? {} : { max_age: demand.max_age }),
  }
}

const DESCRIPTIONS: { readonly [type in StepUpDemand['type']]: string } = {
  mfa: 'mfa: the user must authenticate again before this is allowed',
  human_approval: 'human_approval: somebody else must approve this first',
  software_attestation: 'software_attestation: an attestation service must vouch for the software first',
}

// The user of the chain authenticates; where there is none, the person answerable for the application does.
function proverSubject(parties: Parties): Identity | null {
  const user = [parties.subject, ...parties.actors.map(({ identity }) => identity)].find(({ kind }) => kind === 'user')
  return user ?? parties.application.owner
}

/** Everyone who may not approve: the subject, the actors, and whoever owns or was shown a secret of an application. */
function requesters(attempt: Attempt, parties: Parties): Pick<NewChallenge, 'requesters' | 'requesterApplications'> {
  const identities = [parties.subject, ...parties.actors.map(({ identity }) => identity)]
  const applicationIds = new Set([
    parties.application.id,
    parties.session.applicationId,
    ...parties.actors.map(({ applicationId }) => applicationId),
    ...identities.filter(({ kind }) => kind === 'application').map(({ id }) => id),
  ])
  for (const id of applicationIds) {
    const application = attempt.snapshot.applications.get(id)
    identities.push(
      { kind: 'application', id },
      ...(application?.owner ? [application.owner] : []),
      ...(application?.secretHolders ?? []),
    )
  }
  return { requesters: [...new Set(identities.map(identityKey))], requesterApplications: [...applicationIds] }
}
