import { generateKeyPairSync } from 'node:crypto'
import type { Client } from './client.js'

/** A public key as a JWK set. */
export function publicJwks(): { keys: object[] } {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'a', alg: 'ES256' }] }
}

/** The policy that the tests upload where any will do. */
export const ALLOW_ALL = 'package countersign.authz\n\nallow contains "all" if true\n'

/** A noun as its users see it: how to make one, and how to change it. */
export interface Sample {
  readonly path: string
  /** Event and id word. */
  readonly word: string
  create(zone: Client, n: number): Promise<Record<string, unknown>>
  readonly update: (n: number) => Record<string, unknown>
}

const application = { name: 'agent', auth_method: 'client_secret' }

/** One of every noun that a zone administers. */
export const SAMPLES: readonly Sample[] = [
  {
    path: '/applications',
    word: 'application',
    create: async () => ({ ...application, labels: ['a'], origins: ['https://app.example'] }),
    update: () => ({ name: 'renamed', labels: ['b', 'c'] }),
  },
  {
    path: '/subject-issuers',
    word: 'subject_issuer',
    create: async (_zone, n) => ({
      issuer: `https://idp${n}.example`,
      audience: 'countersign',
      jwks_uri: 'https://idp.example/jwks',
      aal: { amr: { hwk: 'aal2' } },
    }),
    update: () => ({ aal: { acr: { high: 'aal3' } } }),
  },
  {
    path: '/resources',
    word: 'resource',
    create: async (_zone, n) => ({ identifier: `resource://r${n}`, scopes: ['read', 'write'], slug: `r${n}` }),
    update: () => ({ scopes: ['read'], slug: null }),
  },
  {
    path: '/grants',
    word: 'grant',
    create: async (zone, n) => {
      const { id } = await zone.ok('POST', '/applications', application)
      const identifier = `resource://granted${n}`
      await zone.ok('POST', '/resources', { identifier, scopes: ['read', 'write'] })
      return { application_id: id, resource: identifier, scopes: ['read', 'write'] }
    },
    update: () => ({ scopes: ['read'], label: 'worker' }),
  },
  {
    path: '/policies',
    word: 'policy',
    create: async (_zone, n) => ({ name: `policy ${n}`, source: ALLOW_ALL }),
    update: (n) => ({ name: `another policy ${n}` }),
  },
  {
    path: '/policy-sets',
    word: 'policy_set',
    create: async (zone, n) => {
      const policy = await zone.ok('POST', '/policies', { name: `for set ${n}`, source: ALLOW_ALL })
      const { id } = policy.version as { id: string }
      return { name: `set ${n}`, policy_versions: [id] }
    },
    update: (n) => ({ name: `another set ${n}` }),
  },
]
