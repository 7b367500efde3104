import { fetchableUrl } from '../../outbound/fetchable-url.js'
import { type GuardedAgent, PrivateAddressError } from '../../outbound/guarded-agent.js'
import type { JwkSet } from '../../store/tables.js'

export type JwksFetch =
  | { readonly kind: 'fetched'; readonly jwks: JwkSet; readonly text: string }
  | { readonly kind: 'failed'; readonly reason: JwksFailure }

export type JwksFailure =
  | 'invalid_url'
  | 'insecure_url'
  | 'private_address'
  | 'unreachable'
  | 'bad_status'
  | 'too_large'
  | 'not_a_key_set'

const TIMEOUT = 5_000
const LARGEST = 256 * 1024

export interface JwksSource {
  readonly agent: GuardedAgent
  /** Whether `http:` will do: only where private addresses are allowed. */
  readonly allowHttp: boolean
}

/**
 * Fetches a JWK set: within 5 s, at most 256 KiB, from exactly this URL.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7517#section-5
 */
export async function fetchJwks(uri: string, { agent, allowHttp }: JwksSource): Promise<JwksFetch> {
  const verdict = fetchableUrl(uri, allowHttp)
  if (verdict !== 'fetchable') return failed(verdict)
  try {
    const { statusCode, body } = await agent.request(uri, {
      headers: { accept: 'application/jwk-set+json, application/json' },
      signal: AbortSignal.timeout(TIMEOUT),
    })
    // A body that is left early ends in an error of its own; without a listener it would end the process.
    body.on('error', () => {})
    if (statusCode !== 200) {
      body.destroy()
      return failed('bad_status')
    }
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length
      // Leaving the loop destroys the body, and the connection with it.
      if (size > LARGEST) return failed('too_large')
      chunks.push(chunk)
    }
    return parseJwks(Buffer.concat(chunks).toString('utf8'))
  } catch (error) {
    return failed(error instanceof PrivateAddressError ? 'private_address' : 'unreachable')
  }
}

function parseJwks(text: string): JwksFetch {
  try {
    const jwks: unknown = JSON.parse(text)
    if (typeof jwks === 'object' && jwks !== null && 'keys' in jwks && Array.isArray(jwks.keys)) {
      return { kind: 'fetched', jwks: { keys: jwks.keys }, text }
    }
  } catch {
    // Not JSON: the same as JSON of another shape.
  }
  return failed('not_a_key_set')
}

const failed = (reason: JwksFailure): JwksFetch => ({ kind: 'failed', reason })
