import { fetchableUrl } from '../../outbound/fetchable-url.js'
import { type GuardedAgent, PrivateAddressError } from '../../outbound/guarded-agent.js'
import { webhookHeaders } from './signature.js'

/** One attempt: to where, under which secret, of what. */
export interface Delivery {
  readonly url: string
  readonly secret: string
  readonly id: string
  readonly body: string
  /** Seconds since the epoch. */
  readonly timestamp: number
}

export interface DeliveryMeans {
  readonly agent: GuardedAgent
  /** Whether `http:` will do: only where private addresses are allowed. */
  readonly allowHttp: boolean
  readonly signal: AbortSignal
}

/** How an attempt ended. Reasons never repeat the URL, which may hold a receiver's token. */
export type DeliveryEnd =
  | { readonly kind: 'delivered' }
  | {
      readonly kind: 'failed'
      readonly reason: 'invalid_url' | 'insecure_url' | 'private_address' | 'unreachable' | `status_${number}`
    }

const TIMEOUT_MS = 10_000

/** Posts one signed message. Any 2xx is a receipt; a redirect is not followed, and no receipt. */
export async function deliver(delivery: Delivery, means: DeliveryMeans): Promise<DeliveryEnd> {
  const { url, secret, id, body, timestamp } = delivery
  const verdict = fetchableUrl(url, means.allowHttp)
  if (verdict !== 'fetchable') return { kind: 'failed', reason: verdict }
  try {
    const answer = await means.agent.request(url, {
      method: 'POST',
      signal: AbortSignal.any([means.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Countersign',
        ...webhookHeaders(secret, { id, timestamp, body }),
      },
      body,
    })
    // What the receiver writes does not matter; left unread it would end in an error, and without a listener the process.
    answer.body.on('error', () => {})
    answer.body.destroy()
    const { statusCode } = answer
    return statusCode >= 200 && statusCode < 300
      ? { kind: 'delivered' }
      : { kind: 'failed', reason: `status_${statusCode}` }
  } catch (error) {
    return { kind: 'failed', reason: error instanceof PrivateAddressError ? 'private_address' : 'unreachable' }
  }
}
