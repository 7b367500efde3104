/** The protected resource metadata of this server. */
export interface ResourceMetadata {
  readonly resource: string
  readonly authorization_servers: readonly string[]
  readonly scopes_supported?: readonly string[]
  readonly bearer_methods_supported: readonly ['header']
  readonly resource_name?: string
  readonly resource_documentation?: string
}

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/** The headers it is served with: any page may read it, and keep it for an hour. */
export const METADATA_HEADERS = { 'cache-control': 'public, max-age=3600', 'access-control-allow-origin': '*' } as const

/**
 * Where a resource's metadata is, by its identifier: the well-known path goes between host and path. A resource that is
 * no place on the web (`resource://payments`) has none.
 *
 * @example
 * ```ts
 * metadataUrlOf('https://bank.example/transfers')
 * // 'https://bank.example/.well-known/oauth-protected-resource/transfers'
 * ```
 * @throws TypeError when the identifier is not an absolute URI without credentials and fragment.
 * @see https://www.rfc-editor.org/rfc/rfc9728#section-3.1
 */
export function metadataUrlOf(resource: string): string | undefined {
  const url = URL.canParse(resource) ? new URL(resource) : undefined
  if (!url || resource.includes('#') || url.username || url.password) {
    throw new TypeError('The resource must be an absolute URI without credentials and fragment.')
  }
  if (!/^https?:$/.test(url.protocol)) return undefined
  return `${url.origin}${WELL_KNOWN}${url.pathname === '/' ? '' : url.pathname}${url.search}`
}

/** What the metadata says beside who issues the mandates. */
export interface MetadataOptions {
  readonly scopes?: readonly string[] | undefined
  readonly name?: string | undefined
  readonly documentation?: string | undefined
}

/** Makes the metadata document. @see https://www.rfc-editor.org/rfc/rfc9728#section-2 */
export function resourceMetadata(resource: string, issuer: string, options: MetadataOptions): ResourceMetadata {
  return {
    resource,
    authorization_servers: [issuer],
    bearer_methods_supported: ['header'],
    ...(options.scopes && { scopes_supported: options.scopes }),
    ...(options.name && { resource_name: options.name }),
    ...(options.documentation && { resource_documentation: options.documentation }),
  }
}
