import { CliError, EXIT } from '../cli-error.js'

/** An answer of the service, whatever its status. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** The JSON body; undefined when there is none. */
  readonly body: unknown
}

const TIMEOUT_MS = 10_000

/**
 * One request to the service.
 *
 * @param init.timeoutMs How long the answer may take, 10 s unless said.
 * @throws CliError with exit code `unreachable` when nothing answers there.
 */
export async function request(
  url: URL,
  init: {
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string | URLSearchParams
    readonly signal?: AbortSignal | undefined
    readonly timeoutMs?: number
  } = {},
): Promise<Answer> {
  const { timeoutMs = TIMEOUT_MS, signal, ...rest } = init
  const late = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(url, {
      ...rest,
      redirect: 'error',
      signal: signal === undefined ? late : AbortSignal.any([late, signal]),
    })
    return { status: response.status, headers: response.headers, body: parseJson(await response.text()) }
  } catch (cause) {
    signal?.throwIfAborted()
    const why = late.aborted ? `no answer within ${timeoutMs / 1000} s` : reasonOf(cause)
    throw new CliError(
      `No service answers at ${url.origin} (${why}). Is it running? Start it with: npx countersign serve`,
      EXIT.unreachable,
      { cause },
    )
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** `fetch` says "fetch failed", and the reason beneath. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code
  return cause instanceof Error ? cause.message : String(cause)
}

/** A member of a JSON object, if that is what the value is. */
export function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)[name]
    : undefined
}

/** A member that must be a string, of an answer that must have it. */
export function text(value: unknown, name: string): string {
  const found = member(value, name)
  if (typeof found === 'string') return found
  throw new CliError(`The service's answer has no "${name}". Is it a Countersign service, of this version?`)
}
