import { AALS, TOKEN_EXCHANGE } from '@countersign/protocol'
import { ASSERTION_ALGORITHMS } from '../authority/caller/client-assertion.js'
import { issuerOf, type ZoneSnapshot } from '../authority/snapshot.js'
import { isPublished } from './keys.js'

const AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt']

/**
 * What a client needs to know of an authorization server: a zone's, or without one the service's, whose endpoints take
 * the zone as the form field `zone_id`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8414#section-2
 */
export function serverMetadata(baseUrl: string, zoneId?: string) {
  const issuer = zoneId === undefined ? baseUrl : issuerOf(baseUrl, zoneId)
  return {
    issuer,
    token_endpoint: `${issuer}/oauth/2/token`,
    introspection_endpoint: `${issuer}/oauth/2/introspect`,
    revocation_endpoint: `${issuer}/oauth/2/revoke`,
    // Keys are a zone's: the service as a whole signs nothing.
    ...(zoneId !== undefined && { jwks_uri: `${issuer}/.well-known/jwks.json` }),
    grant_types_supported: [TOKEN_EXCHANGE],
    response_types_supported: [],
    acr_values_supported: AALS,
    token_endpoint_auth_methods_supported: AUTH_METHODS,
    token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    introspection_endpoint_auth_methods_supported: AUTH_METHODS,
    introspection_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    revocation_endpoint_auth_methods_supported: AUTH_METHODS,
    revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
  }
}

/**
 * A zone's key set: every key that signs, signed or is about to.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7517#section-5
 */
export function publishedKeys(snapshot: ZoneSnapshot, now: number) {
  const keys = snapshot.keys
    .filter((key) => isPublished(key, now))
    .map((key) => ({ ...key.publicJwk, kid: key.id, alg: 'ES256', use: 'sig' }))
  return { keys }
}
