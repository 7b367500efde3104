import { createHmac } from 'node:crypto'

/** A message as it is signed: its id and body stay the same from attempt to attempt, the timestamp does not. */
export interface SignedMessage {
  readonly id: string
  /** Seconds since the epoch. */
  readonly timestamp: number
  readonly body: string
}

const PREFIX = 'whsec_'

/**
 * The headers that let a receiver check who sent a message and when. A secret `whsec_…` is the base64 of the key; any
 * other secret is the key's UTF-8.
 *
 * @example
 * ```ts
 * webhookHeaders(secret, { id, timestamp: 1_700_000_000, body })['webhook-signature'] // 'v1,<base64 of HMAC-SHA256>'
 * ```
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function webhookHeaders(secret: string, message: SignedMessage): { readonly [name: string]: string } {
  const key = secret.startsWith(PREFIX)
    ? Buffer.from(secret.slice(PREFIX.length), 'base64')
    : Buffer.from(secret, 'utf8')
  const signature = createHmac('sha256', key)
    .update(`${message.id}.${message.timestamp}.${message.body}`)
    .digest('base64')
  return {
    'webhook-id': message.id,
    'webhook-timestamp': String(message.timestamp),
    'webhook-signature': `v1,${signature}`,
  }
}
