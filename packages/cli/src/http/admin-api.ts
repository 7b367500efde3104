import { CliError } from '../cli-error.js'
import { plain } from '../io.js'
import { type Answer, member, request, text } from './request.js'

/** A refusal, by the stable code of its problem details. */
export class ApiError extends CliError {
  override readonly name = 'ApiError'

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}

/** The administration of a service, with one token. */
export class AdminApi {
  constructor(
    readonly url: string,
    private readonly token: string,
    private readonly signal?: AbortSignal,
  ) {}

  get(path: string, query: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const url = new URL(path, this.url)
    url.search = new URLSearchParams(query).toString()
    return this.#send(url, { method: 'GET' })
  }

  post(path: string, body: object): Promise<unknown> {
    return this.#send(new URL(path, this.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  }

  /** Every item of a list, page after page. */
  async list(path: string, query: Readonly<Record<string, string>> = {}): Promise<readonly unknown[]> {
    const items: unknown[] = []
    for (let cursor: string | undefined; ; ) {
      const page = await this.get(path, { ...query, ...(cursor !== undefined && { cursor }) })
      const found = member(page, 'items')
      if (Array.isArray(found)) items.push(...found)
      const next = member(page, 'next_cursor')
      if (typeof next !== 'string') return items
      cursor = next
    }
  }

  async #send(url: URL, init: { method: string; headers?: Record<string, string>; body?: string }): Promise<unknown> {
    const headers = { ...init.headers, authorization: `Bearer ${this.token}` }
    const answer = await request(url, { ...init, headers, signal: this.signal })
    if (answer.status >= 200 && answer.status < 300) return answer.body
    throw refusal(url, answer)
  }
}

function refusal(url: URL, answer: Answer): ApiError {
  const code = member(answer.body, 'code')
  if (typeof code !== 'string') {
    return new ApiError(
      answer.status,
      'unknown',
      `${url.origin} answered ${answer.status}. Is it a Countersign service?`,
    )
  }
  const detail = member(answer.body, 'detail')
  const errors = member(answer.body, 'errors')
  const lines = Array.isArray(errors) ? errors.map((error: unknown) => `\n  ${describeError(error)}`) : []
  const said = typeof detail === 'string' ? plain(detail) : text(answer.body, 'title')
  return new ApiError(answer.status, code, `${said} (${plain(code)})${lines.join('')}`)
}

function describeError(error: unknown): string {
  const line = member(error, 'line')
  const where = typeof line === 'number' ? `line ${line}: ` : ''
  return `${where}${plain(String(member(error, 'message') ?? ''))}`
}
