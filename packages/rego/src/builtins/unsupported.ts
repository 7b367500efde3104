/**
 * Built-ins of OPA that reach outside the process, need another language's parser, or read certificates. They are known, so that a
 * policy that names them gets a clear error, and never computed.
 */
import { type Builtin, BuiltinError, builtin, T, type Type } from '../builtins-api.js'

function unsupported(name: string, args: readonly Type[], result: Type, why: string): Builtin {
  const run = (): never => {
    throw new BuiltinError(`not supported: ${why}`)
  }
  return builtin(name, args, result, run, { impure: 'external' })
}

const IO = 'policies do no input or output'
const GRAPHQL = 'GraphQL is not part of this engine'
const X509 = 'certificates are not part of this engine'
const anyObject = T.object(T.any, T.any)
const namedObject = T.object(T.string, T.any)
const certificates = T.array(namedObject)
const source = T.union(T.string, anyObject)

export const unsupportedBuiltins: readonly Builtin[] = [
  unsupported('http.send', [namedObject], anyObject, IO),
  unsupported('net.lookup_ip_addr', [T.string], T.set(T.string), IO),
  unsupported('opa.runtime', [], namedObject, 'there is no OPA process'),
  unsupported('rego.parse_module', [T.string, T.string], namedObject, 'policies are not parsed by policies'),
  unsupported(
    'providers.aws.sign_req',
    [namedObject, namedObject, T.number],
    anyObject,
    'AWS requests are not part of this engine',
  ),
  unsupported('graphql.parse', [source, source], T.tuple(anyObject, anyObject), GRAPHQL),
  unsupported('graphql.parse_and_verify', [source, source], T.tuple(T.boolean, anyObject, anyObject), GRAPHQL),
  unsupported('graphql.parse_query', [T.string], anyObject, GRAPHQL),
  unsupported('graphql.parse_schema', [T.string], anyObject, GRAPHQL),
  unsupported('graphql.is_valid', [source, source], T.boolean, GRAPHQL),
  unsupported('graphql.schema_is_valid', [source], T.boolean, GRAPHQL),
  unsupported('crypto.x509.parse_certificates', [T.string], certificates, X509),
  unsupported('crypto.x509.parse_and_verify_certificates', [T.string], T.tuple(T.boolean, certificates), X509),
  unsupported(
    'crypto.x509.parse_and_verify_certificates_with_options',
    [T.string, namedObject],
    T.tuple(T.boolean, certificates),
    X509,
  ),
  unsupported('crypto.x509.parse_certificate_request', [T.string], namedObject, X509),
  unsupported('crypto.x509.parse_keypair', [T.string, T.string], namedObject, X509),
]
