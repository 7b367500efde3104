import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ChallengeState, PauseResponse, TokenResponse } from '@countersign/protocol'

/** One request as it arrived. */
export interface Arrived {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly text: string
  readonly form: URLSearchParams
  readonly json: unknown
  /** Settles when the caller went away before its answer. */
  readonly gone: Promise<void>
}

/** What to answer; `lost` closes the connection instead, `held` never answers. */
export type Answer =
  | { readonly status?: number; readonly headers?: Record<string, string>; readonly body: unknown }
  | 'lost'
  | 'held'

export type Handler = (request: Arrived) => Answer | Promise<Answer>

interface Challenge {
  readonly secret: string
  readonly expiresAt: number
  state: ChallengeState
  readonly waiting: Set<() => void>
}

/**
 * A service that speaks the wire of the HTTP reference over a real socket: the token endpoint and the decisions answer as
 * the test says, challenges live and are waited for as the reference says.
 */
export class WireService {
  readonly requests: Arrived[] = []
  token: Handler = () => issued()
  decisions: Handler = () => ({ body: { data: decision() } })
  /** Any other path. */
  other: Handler = () => ({ status: 404, body: { code: 'not_found' } })
  /** Called before a wait is looked at; an answer stands for it. */
  wait: (request: Arrived) => Answer | undefined = () => undefined
  readonly #challenges = new Map<string, Challenge>()
  readonly #server: Server
  url = ''

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error) => response.destroy(error))
    })
  }

  static async start(): Promise<WireService> {
    const service = new WireService()
    await new Promise<void>((resolve) => service.#server.listen(0, '127.0.0.1', resolve))
    service.url = `http://127.0.0.1:${(service.#server.address() as AddressInfo).port}`
    return service
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** The requests to a path's end, in the order they came. */
  to(path: string): Arrived[] {
    return this.requests.filter((request) => request.path.endsWith(path))
  }

  /** Opens a challenge and makes its pause. */
  pause(more: Partial<PauseResponse> = {}): Answer {
    const id = more.challenge_id ?? `challenge-${this.#challenges.size + 1}`
    const secret = `secret-of-${id}`
    const expiresAt = Date.now() + 300_000
    this.#challenges.set(id, { secret, expiresAt, state: 'pending', waiting: new Set() })
    const body: PauseResponse = {
      error: 'interaction_required',
      error_description: 'step_up_required: prove it is you',
      challenge_id: id,
      challenge_type: 'mfa',
      challenge_secret: secret,
      challenge_expires_at: new Date(expiresAt).toISOString(),
      acr_values: 'aal2',
      max_age: 300,
      challenge_uri: `${this.url}/challenge/${id}`,
      requestId: 'request-1',
      receipt: { event_id: 'event-1', leaf_index: 1, leaf_hash: 'ab' },
      ...more,
    }
    return { status: 401, headers: { 'www-authenticate': 'Bearer error="interaction_required"' }, body }
  }

  /** Moves a challenge on and wakes those who wait for it. */
  settle(id: string, state: ChallengeState): void {
    const challenge = this.#challenges.get(id)
    if (!challenge) throw new Error(`no challenge ${id}`)
    challenge.state = state
    for (const wake of challenge.waiting) wake()
  }

  stateOf(id: string): ChallengeState | undefined {
    return this.#challenges.get(id)?.state
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    const url = new URL(request.url ?? '/', this.url)
    const arrived: Arrived = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      text,
      form: new URLSearchParams(text),
      json: request.headers['content-type'] === 'application/json' ? JSON.parse(text) : undefined,
      gone: new Promise((resolve) => response.once('close', () => response.writableEnded || resolve())),
    }
    this.requests.push(arrived)
    const answer = await this.#answer(arrived)
    if (answer === 'held') return
    if (answer === 'lost') {
      response.destroy()
      return
    }
    const json = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body)
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers }).end(json)
  }

  #answer(request: Arrived): Answer | Promise<Answer> {
    if (request.path.endsWith('/oauth/2/token')) return this.token(request)
    if (request.path.includes('/oauth/2/challenges/')) return this.wait(request) ?? this.#challenge(request)
    if (request.path.includes('/decisions/')) return this.decisions(request)
    return this.other(request)
  }

  async #challenge(request: Arrived): Promise<Answer> {
    const id = decodeURIComponent(request.path.split('/').at(-1) ?? '')
    const challenge = this.#challenges.get(id)
    if (!challenge || request.headers.authorization !== `Bearer ${challenge.secret}`) {
      return { status: 404, body: { code: 'not_found' } }
    }
    if (request.method === 'DELETE') {
      this.settle(id, 'rejected')
    } else if (challenge.state === 'pending') {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Number(request.query.get('wait') ?? 0) * 1000)
        const wake = () => {
          clearTimeout(timer)
          challenge.waiting.delete(wake)
          resolve()
        }
        challenge.waiting.add(wake)
        request.gone.then(wake)
      })
    }
    return { body: { id, state: challenge.state, expires_at: new Date(challenge.expiresAt).toISOString() } }
  }
}

let issuedTokens = 0

/** A mandate, each with its own token. */
export function issued(more: Partial<TokenResponse> = {}): Answer {
  issuedTokens += 1
  const body: TokenResponse = {
    access_token: `mandate-${issuedTokens}`,
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    token_type: 'Bearer',
    expires_in: 900,
    scope: '',
    target_resources: [],
    receipt: { event_id: `event-${issuedTokens}`, leaf_index: issuedTokens, leaf_hash: 'ab' },
    ...more,
  }
  return { body }
}

/** A refusal of the token endpoint. */
export function refused(status: number, error: string, description = '', headers: Record<string, string> = {}): Answer {
  return { status, headers, body: { error, error_description: description, requestId: 'request-1' } }
}

/** A decision body; granted unless told otherwise. */
export function decision(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    allowed: true,
    decision_id: 'decision-1',
    policy_version: 1,
    requires_step_up: false,
    required_aal: null,
    max_age: null,
    aal_source: 'session',
    challenge_type: null,
    matched: [{ type: 'policy', key: 'transfers' }],
    explanation: [],
    ...more,
  }
}
