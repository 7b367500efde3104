import { canonicalJson, type Json } from '@countersign/protocol'
import type { NewChallenge } from '../../commit/item.js'

/** What a webhook says beside the challenge itself. Instants in milliseconds. */
export interface WebhookContext {
  readonly zoneId: string
  readonly applicationName: string
  /** Where the service is found, without a slash at its end. */
  readonly baseUrl: string
  readonly now: number
}

/**
 * The body that tells of a new challenge: what is asked, for which request, until when, and where to act. It holds
 * nothing that could be used for the challenge: no secret, no token.
 *
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function challengeWebhookPayload(challenge: NewChallenge, context: WebhookContext): string {
  const { zoneId, applicationName, baseUrl, now } = context
  return canonicalJson({
    type: 'challenge.created',
    timestamp: new Date(now).toISOString(),
    data: {
      id: challenge.id,
      zone_id: zoneId,
      challenge_type: challenge.type,
      demand: { ...challenge.demand },
      application: { id: challenge.applicationId, name: applicationName },
      principal_id: challenge.principalId,
      session_id: challenge.sessionId,
      prover_subject: challenge.proverSubject === null ? null : { ...challenge.proverSubject },
      request: JSON.parse(challenge.requestJson) as Json,
      predecessor_id: challenge.chain[0] ?? null,
      expires_at: new Date(challenge.expiresAt).toISOString(),
      url: `${baseUrl}/v1/zones/${zoneId}/step-up-challenges/${challenge.id}`,
    },
  })
}
