/** What a resource server asks for before it will serve the request. `maxAge` is in seconds. */
export interface StepUpDemand {
  /** Levels that would do, separated by spaces, as the server wrote them. */
  readonly acrValues: string | undefined
  readonly maxAge: number | undefined
  readonly scope: string | undefined
  /** Where the server says which authorization servers it trusts (RFC 9728). */
  readonly resourceMetadata: string | undefined
}

/** The part of a `fetch` answer that is looked at. */
export interface AnswerHead {
  readonly status: number
  readonly headers: { get(name: string): string | null }
}

/**
 * Recognises a resource server's demand for stronger authentication, from any server that follows RFC 9470, whatever
 * other challenges stand in the header. `undefined` for every other answer.
 *
 * In a browser the server must expose the header to other origins (`Access-Control-Expose-Headers: WWW-Authenticate`).
 *
 * @example
 * ```ts
 * const demand = stepUpDemand(await fetch(url))
 * if (demand) console.log(demand.acrValues, demand.maxAge)
 * ```
 * @see https://www.rfc-editor.org/rfc/rfc9470#section-3
 */
export function stepUpDemand(answer: AnswerHead): StepUpDemand | undefined {
  const header = answer.status === 401 ? answer.headers.get('www-authenticate') : null
  const params = challenges(header ?? '').find((one) => one.get('error') === 'insufficient_user_authentication')
  if (!params) return undefined
  const maxAge = params.get('max_age')
  return {
    acrValues: params.get('acr_values'),
    maxAge: maxAge && /^\d{1,15}$/.test(maxAge) ? Number(maxAge) : undefined,
    scope: params.get('scope'),
    resourceMetadata: params.get('resource_metadata'),
  }
}

// A token, and what follows it when it is a parameter's name: `= token` or `= "quoted"` (RFC 9110 section 11.2).
const PART = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?/y

/** The parameters of each challenge in a `WWW-Authenticate` header; names are case-insensitive, the first of equals counts. */
function challenges(header: string): Map<string, string>[] {
  const found: Map<string, string>[] = []
  for (let at = 0; at < header.length; ) {
    PART.lastIndex = at
    const part = PART.exec(header)
    // Nothing there: a separator, or the rest of a token68.
    at = part ? PART.lastIndex : at + 1
    if (!part) continue
    const [, name = '', quoted, plain] = part
    const value = quoted?.replace(/\\(.)/g, '$1') ?? plain
    if (value === undefined) found.push(new Map())
    else {
      const params = found[found.length - 1]
      if (params && !params.has(name.toLowerCase())) params.set(name.toLowerCase(), value)
    }
  }
  return found
}
