import {
  type Algorithm,
  type KeySource,
  type SignatureVerifier,
  TokenError,
  verifyToken,
} from '@countersign/client/verify-token'
import { type Mandate, mandateOfClaims } from './mandate.js'
import { type MetadataOptions, metadataUrlOf, type ResourceMetadata, resourceMetadata } from './metadata.js'
import { type Refusal, refuse } from './refusal.js'
import { checkRequirement, type Requirement, shortfall } from './requirement.js'
import type { RevocationCheck } from './revocation.js'

/** What this server is and whose mandates it takes. */
export interface MandateVerifierOptions extends MetadataOptions {
  /** The issuer of the zone, as its mandates name it. */
  readonly issuer: string
  /** The identifier of this server among the zone's resources: the audience of its mandates. */
  readonly resource: string
  /** Says whether a mandate was revoked meanwhile. Without it a revocation counts when the mandate ends, within 15 minutes. */
  readonly revocation?: RevocationCheck | undefined
  /** Default: what the issuer publishes, remembered and refreshed. */
  readonly keys?: KeySource | undefined
  /** Default `['ES256']`. */
  readonly algorithms?: readonly Algorithm[] | undefined
  /** How far the issuer's clock may differ, in seconds. Default 5. */
  readonly clockTolerance?: number | undefined
  /** The current time in milliseconds since the epoch. */
  readonly now?: (() => number) | undefined
  readonly verifier?: SignatureVerifier | undefined
}

/** The outcome for one request. */
export type Authorization =
  | { readonly ok: true; readonly mandate: Mandate }
  | { readonly ok: false; readonly refusal: Refusal }

/**
 * Decides for a resource server whether the mandate on a request will do. It knows nothing of HTTP frameworks; the
 * adapters do.
 *
 * @example
 * ```ts
 * const verifier = new MandateVerifier({
 *   issuer: 'https://sts.example/zones/zone-id',
 *   resource: 'https://bank.example/transfers',
 * })
 * const outcome = await verifier.authorize(request.headers.get('authorization'), { scopes: ['transfer'], aal: 'aal2' })
 * if (!outcome.ok) respond(outcome.refusal.status, outcome.refusal.headers, outcome.refusal.body)
 * ```
 */
export class MandateVerifier {
  readonly #options: MandateVerifierOptions
  /** What to serve at `metadataPath` (RFC 9728). */
  readonly metadata: ResourceMetadata
  /** Where clients look for the metadata; `undefined` for a resource that is no http(s) URL. */
  readonly metadataUrl: string | undefined
  readonly metadataPath: string | undefined

  /** @throws TypeError when the resource is no absolute URI or the issuer no http(s) URL. */
  constructor(options: MandateVerifierOptions) {
    if (!/^https?:\/\//.test(options.issuer)) throw new TypeError('The issuer must be an http(s) URL.')
    this.#options = options
    this.metadata = resourceMetadata(options.resource, options.issuer, options)
    this.metadataUrl = metadataUrlOf(options.resource)
    this.metadataPath = this.metadataUrl && new URL(this.metadataUrl).pathname
  }

  /** Judges the `Authorization` header of a request. Everything that is not a yes is a refusal; no request makes it throw. */
  async authorize(header: string | null | undefined, requirement: Requirement = {}): Promise<Authorization> {
    checkRequirement(requirement)
    const token = readBearer(header)
    if (typeof token !== 'string') return this.#no(token.code, token.description)
    const verified = await this.#verify(token)
    return verified.ok ? this.judge(verified.mandate, requirement) : verified
  }

  /** Judges a mandate that was verified already, for instance against what a tool needs. */
  judge(mandate: Mandate, requirement: Requirement): Authorization {
    checkRequirement(requirement)
    const { now = Date.now, clockTolerance = 5 } = this.#options
    const lacks = shortfall(mandate, requirement, now() / 1000, clockTolerance)
    if (lacks === undefined) return { ok: true, mandate }
    const description =
      lacks === 'insufficient_scope'
        ? 'The mandate does not cover this operation.'
        : 'This operation needs a stronger or more recent authentication.'
    return this.#no(lacks, description, requirement)
  }

  async #verify(token: string): Promise<Authorization> {
    const { resource, revocation, ...options } = this.#options
    let mandate: Mandate | undefined
    try {
      mandate = mandateOfClaims(await verifyToken(token, { ...options, audience: resource }))
    } catch (error) {
      const code = error instanceof TokenError ? error.code : undefined
      if (code === 'keys_unavailable' || code === 'crypto_unavailable' || code === undefined) {
        return this.#no('temporarily_unavailable', 'The mandate could not be checked.')
      }
      return this.#no('invalid_token', DESCRIPTIONS[code] ?? 'This is not a mandate.')
    }
    // A session mandate is for the issuer alone, whatever its audience says.
    if (mandate?.use !== 'resource') return this.#no('invalid_token', 'This is not a resource mandate.')
    // Bound to a key whose possession nobody here checks, it would be accepted from whoever has copied it.
    if (mandate.claims.cnf !== undefined) return this.#no('invalid_token', 'The mandate is bound to a key.')
    try {
      // Only a plain no lets it pass.
      if (revocation && (await revocation(mandate, token)) !== false)
        return this.#no('invalid_token', 'The mandate was revoked.')
    } catch {
      return this.#no('temporarily_unavailable', 'It could not be checked whether the mandate was revoked.')
    }
    return { ok: true, mandate }
  }

  #no(code: Refusal['code'], description: string, requirement?: Requirement): Authorization {
    return { ok: false, refusal: refuse(code, description, this.metadataUrl, requirement) }
  }
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  expired: 'The mandate has expired.',
  not_yet_valid: 'The mandate is not valid yet.',
  issuer: 'The mandate comes from another issuer.',
  audience: 'The mandate is for another resource.',
}

// RFC 6750 section 2.1. Tokens in bodies and queries are not looked for: they end up in logs.
function readBearer(
  header: string | null | undefined,
): string | { readonly code: 'missing_token' | 'invalid_request'; readonly description: string } {
  if (!header) return { code: 'missing_token', description: 'Present a mandate as a bearer token.' }
  const [, token] = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(header) ?? []
  return token ?? { code: 'invalid_request', description: 'The Authorization header is not one bearer token.' }
}
