import { InvalidTokenError, ServerError } from '@modelcontextprotocol/sdk/server/auth/errors.js'
import type { OAuthTokenVerifier } from '@modelcontextprotocol/sdk/server/auth/provider.js'
import type { AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js'
import type { RequestHandler } from 'express'
import { sendRefusal, serveMetadata } from './express.js'
import type { Mandate } from './mandate.js'
import type { MandateVerifier } from './mandate-verifier.js'
import { type Refusal, refuse } from './refusal.js'
import { checkRequirement, type Requirement } from './requirement.js'

/** What the tools of an MCP server need. */
export interface McpRules {
  /** What each tool needs, by its name. */
  readonly tools: Readonly<Record<string, Requirement>>
  /** What every other tool needs. Without it a tool that is not listed is refused. */
  readonly otherTools?: Requirement | undefined
  /** What every request needs, whatever it is. */
  readonly always?: Requirement | undefined
}

/** The outcome for one MCP request. `authInfo` is what the SDK hands to tools. */
export type McpAuthorization =
  | { readonly ok: true; readonly mandate: Mandate; readonly authInfo: AuthInfo }
  | { readonly ok: false; readonly refusal: Refusal }

/** Guards for servers made with the MCP TypeScript SDK. */
export interface McpMandates {
  /** Serves the RFC 9728 metadata, in an Express app. */
  readonly metadata: RequestHandler
  /**
   * An Express middleware in front of the transport, behind `express.json()`. It looks at which tools a request calls and
   * answers what they lack as HTTP, so that any client that knows RFC 9470 can step up and repeat the call.
   */
  readonly guard: (rules: McpRules) => RequestHandler
  /** The same decision for other HTTP frameworks: the `Authorization` header, and the parsed body if there is one. */
  readonly authorize: (header: string | null | undefined, body: unknown, rules: McpRules) => Promise<McpAuthorization>
  /** For the SDK's own `requireBearerAuth`, where no tool needs more than a mandate. */
  readonly tokenVerifier: OAuthTokenVerifier
  /** The mandate behind a tool call: hand in the `extra` of the tool. */
  readonly mandateOf: (extra: { readonly authInfo?: AuthInfo | undefined }) => Mandate
}

/**
 * Makes the guards of an MCP server.
 *
 * @example
 * ```ts
 * const auth = mcpMandates(verifier)
 * app.use(auth.metadata)
 * const guard = auth.guard({ tools: { balance: { scopes: ['read'] }, transfer: { scopes: ['transfer'], aal: 'aal2', maxAge: 300 } } })
 * app.post('/mcp', express.json(), guard, (req, res) => transport.handleRequest(req, res, req.body))
 * ```
 * @see https://modelcontextprotocol.io/specification/2025-06-18/basic/authorization
 */
export function mcpMandates(verifier: MandateVerifier): McpMandates {
  const mandates = new WeakMap<AuthInfo, Mandate>()
  const infoOf = (mandate: Mandate, token: string): AuthInfo => {
    const authInfo: AuthInfo = {
      token,
      clientId: mandate.clientId,
      scopes: [...mandate.scopes],
      expiresAt: mandate.expiresAt,
      resource: new URL(verifier.metadata.resource),
      extra: { subject: mandate.subject, aal: mandate.aal },
    }
    mandates.set(authInfo, mandate)
    return authInfo
  }
  const authorize: McpMandates['authorize'] = async (header, body, rules) => {
    const verified = await verifier.authorize(header, rules.always)
    if (!verified.ok) return verified
    for (const tool of toolsOf(body)) {
      const requirement = Object.hasOwn(rules.tools, tool) ? rules.tools[tool] : rules.otherTools
      if (!requirement) {
        const refusal = refuse('insufficient_scope', 'This tool is not open to anybody.', verifier.metadataUrl)
        return { ok: false, refusal }
      }
      const judged = verifier.judge(verified.mandate, requirement)
      if (!judged.ok) return judged
    }
    return { ok: true, mandate: verified.mandate, authInfo: infoOf(verified.mandate, tokenOf(header)) }
  }
  return {
    metadata: serveMetadata(verifier),
    authorize,
    guard: (rules) => {
      for (const requirement of [...Object.values(rules.tools), rules.otherTools, rules.always]) {
        if (requirement) checkRequirement(requirement)
      }
      return async (request, response, next) => {
        // What was not parsed here the transport would parse itself, unseen.
        if (request.method === 'POST' && (typeof request.body !== 'object' || request.body === null)) {
          sendRefusal(response, refuse('invalid_request', 'The body is not application/json.', verifier.metadataUrl))
          return
        }
        const outcome = await authorize(request.headers.authorization, request.body, rules)
        if (!outcome.ok) {
          sendRefusal(response, outcome.refusal)
          return
        }
        Object.assign(request, { auth: outcome.authInfo })
        next()
      }
    },
    tokenVerifier: {
      verifyAccessToken: async (token) => {
        const verified = await verifier.authorize(`Bearer ${token}`)
        if (verified.ok) return infoOf(verified.mandate, token)
        const description = String(verified.refusal.body.error_description)
        throw verified.refusal.status === 503 ? new ServerError(description) : new InvalidTokenError(description)
      },
    },
    mandateOf: ({ authInfo }) => {
      const mandate = authInfo && mandates.get(authInfo)
      if (!mandate) throw new Error('No guard let this call through: put one in front of the transport.')
      return mandate
    },
  }
}

// A body is one JSON-RPC message or, in older revisions of the protocol, a list of them.
function toolsOf(body: unknown): string[] {
  return [body].flat().flatMap((message: unknown) => {
    if (typeof message !== 'object' || message === null) return []
    const { method, params } = message as { readonly method?: unknown; readonly params?: { readonly name?: unknown } }
    // A name that is no text is no tool's.
    return method === 'tools/call' ? [typeof params?.name === 'string' ? params.name : ''] : []
  })
}

function tokenOf(header: string | null | undefined): string {
  return (header ?? '').replace(/^Bearer +/i, '').trim()
}
