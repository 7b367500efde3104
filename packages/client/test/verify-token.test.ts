import fc from 'fast-check'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  type Jwk,
  localKeys,
  remoteKeys,
  type TokenClaims,
  TokenError,
  type VerifyTokenOptions,
  verifyToken,
} from '../src/verify-token/index.js'
import { WireService } from './wire-service.js'

const ISSUER = 'https://sts.example/zones/zone-1'
const AUDIENCE = 'https://bank.example/transfers'
const NOW = 1_800_000_000

type Pair = { readonly privateKey: CryptoKey; readonly jwk: Jwk }
const pairs = new Map<string, Pair>()

async function pairOf(algorithm: string, kid = algorithm): Promise<Pair> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm)
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: algorithm } as Jwk }
}

beforeAll(async () => {
  for (const algorithm of ['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA']) pairs.set(algorithm, await pairOf(algorithm))
})

const pair = (algorithm = 'ES256'): Pair => pairs.get(algorithm) ?? unknownPair(algorithm)
function unknownPair(algorithm: string): never {
  throw new Error(`no pair for ${algorithm}`)
}

interface Change {
  readonly claims?: Record<string, unknown>
  readonly header?: Record<string, unknown>
  readonly algorithm?: string
  readonly by?: Pair
}

function mint({ claims = {}, header = {}, algorithm = 'ES256', by = pair(algorithm) }: Change = {}): Promise<string> {
  const payload = { iss: ISSUER, aud: AUDIENCE, exp: NOW + 60, iat: NOW, sub: 'alice', ...claims }
  return new SignJWT(JSON.parse(JSON.stringify(payload)))
    .setProtectedHeader({ alg: algorithm, typ: 'at+jwt', kid: by.jwk.kid ?? '', ...header })
    .sign(by.privateKey, { crit: { exp: true } })
}

const verify = (token: string, more: Partial<VerifyTokenOptions> = {}): Promise<TokenClaims> =>
  verifyToken(token, {
    issuer: ISSUER,
    audience: AUDIENCE,
    keys: localKeys({ keys: [...pairs.values()].map(({ jwk }) => jwk) }),
    now: () => NOW * 1000,
    ...more,
  })

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'accepted',
    (error) => error.code,
  )

describe('what is accepted', () => {
  test('a mandate, with its claims', async () => {
    const token = await mint({
      claims: { scope: 'read', acr: 'aal2', amr: ['hwk'], auth_time: NOW - 5, act: { sub: 'agent' } },
    })
    expect(await verify(token)).toMatchObject({
      sub: 'alice',
      scope: 'read',
      acr: 'aal2',
      amr: ['hwk'],
      act: { sub: 'agent' },
    })
  })

  test.each(['ES384', 'RS256', 'PS256', 'EdDSA'] as const)('%s, when the caller accepts it', async (algorithm) => {
    const token = await mint({ algorithm })
    expect(await codeOf(verify(token))).toBe('algorithm')
    expect(await codeOf(verify(token, { algorithms: [algorithm] }))).toBe('accepted')
  })

  test('one audience of several, on either side', async () => {
    expect(await codeOf(verify(await mint({ claims: { aud: ['https://x.example', AUDIENCE] } })))).toBe('accepted')
    expect(await codeOf(verify(await mint(), { audience: ['https://x.example', AUDIENCE] }))).toBe('accepted')
  })

  test('a type written as a media type', async () => {
    expect(await codeOf(verify(await mint({ header: { typ: 'application/AT+JWT' } })))).toBe('accepted')
  })
})

describe('what is refused, and as what', () => {
  const cases: [string, Change, string][] = [
    ['another issuer', { claims: { iss: `${ISSUER}/` } }, 'issuer'],
    ['no issuer', { claims: { iss: undefined } }, 'malformed'],
    ['another audience', { claims: { aud: 'https://x.example' } }, 'audience'],
    ['no audience', { claims: { aud: undefined } }, 'malformed'],
    ['an empty list of audiences', { claims: { aud: [] } }, 'audience'],
    ['no end', { claims: { exp: undefined } }, 'malformed'],
    ['an end that is text', { claims: { exp: `${NOW + 60}` } }, 'malformed'],
    ['an end that is over', { claims: { exp: NOW - 5 } }, 'expired'],
    ['a beginning to come', { claims: { nbf: NOW + 6 } }, 'not_yet_valid'],
    ['made in the future', { claims: { iat: NOW + 6 } }, 'not_yet_valid'],
    ['no type', { header: { typ: undefined } }, 'type'],
    ['the type of an ID token', { header: { typ: 'JWT' } }, 'type'],
    ['a critical extension', { header: { crit: ['exp'], exp: 1 } }, 'malformed'],
    ['an unencoded payload', { header: { b64: true } }, 'malformed'],
    ['an unknown key', { header: { kid: 'other' } }, 'key_unknown'],
    ['a level that is no text', { claims: { acr: 2 } }, 'malformed'],
    ['a scope that is no text', { claims: { scope: ['read'] } }, 'malformed'],
    ['an authentication time that is text', { claims: { auth_time: 'now' } }, 'malformed'],
  ]
  test.each(cases)('%s', async (_, change, code) => {
    expect(await codeOf(verify(await mint(change)))).toBe(code)
  })

  test('a signature of another key under a known name', async () => {
    expect(await codeOf(verify(await mint({ by: await pairOf('ES256') })))).toBe('signature')
  })

  test('no signature, and the public key used as a secret', async () => {
    const [, payload] = (await mint()).split('.')
    const head = (header: object) => Buffer.from(JSON.stringify({ typ: 'at+jwt', ...header })).toString('base64url')
    expect(await codeOf(verify(`${head({ alg: 'none' })}.${payload}.`))).toBe('malformed')
    expect(await codeOf(verify(`${head({ alg: 'none' })}.${payload}.AAAA`))).toBe('algorithm')
    const hmac = await new SignJWT({ iss: ISSUER, aud: AUDIENCE, exp: NOW + 60 })
      .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: 'ES256' })
      .sign(new TextEncoder().encode(JSON.stringify(pair().jwk)))
    expect(await codeOf(verify(hmac))).toBe('algorithm')
  })

  test('a key whose own words do not fit: its algorithm, its use, its operations, a short modulus', async () => {
    const token = await mint()
    const changes: Partial<Jwk>[] = [
      { alg: 'ES384' },
      { use: 'enc' },
      { key_ops: ['sign'] },
      { crv: 'P-384' },
      { kty: 'RSA' },
    ]
    for (const change of changes) {
      const keys = localKeys({ keys: [{ ...pair().jwk, ...change }] })
      expect(await codeOf(verify(token, { keys }))).toBe('key_unknown')
    }
    const short = localKeys({ keys: [{ ...pair('RS256').jwk, n: 'AQAB' }] })
    expect(await codeOf(verify(await mint({ algorithm: 'RS256' }), { keys: short, algorithms: ['RS256'] }))).toBe(
      'key_unknown',
    )
  })

  test('a token with any one character changed, added or missing', async () => {
    const token = await mint()
    const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.= '
    await fc.assert(
      fc.asyncProperty(
        fc.nat(token.length - 1),
        fc.constantFrom(...characters),
        fc.constantFrom('change', 'add', 'remove'),
        async (at, character, how) => {
          const forged =
            how === 'remove'
              ? token.slice(0, at) + token.slice(at + 1)
              : token.slice(0, at) + character + token.slice(how === 'add' ? at : at + 1)
          if (forged !== token) expect(await codeOf(verify(forged))).not.toBe('accepted')
        },
      ),
      { numRuns: 500 },
    )
  })

  test('any text at all, by name', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (text) => {
        expect(await codeOf(verify(text))).toBe('malformed')
      }),
    )
    expect(await codeOf(verify(`${'A'.repeat(20_000)}.AAAA.AAAA`))).toBe('malformed')
    expect(await codeOf(verify(undefined as unknown as string))).toBe('malformed')
  })

  test('a check without an issuer or an audience is refused, not skipped', async () => {
    const token = await mint()
    for (const more of [{ issuer: '' }, { audience: '' }, { audience: [] }, { audience: [''] }, { type: '' }]) {
      expect(await codeOf(verify(token, more))).toBe('invalid_option')
    }
  })

  test('no refusal shows the token', async () => {
    const token = await mint({ claims: { exp: NOW - 60 } })
    const error = await verify(token).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(TokenError)
    for (const part of token.split('.')) expect(`${error.stack} ${JSON.stringify(error)}`).not.toContain(part)
  })
})

describe('where there is no WebCrypto', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
  })

  test('it says so', async () => {
    const token = await mint()
    vi.stubGlobal('crypto', undefined)
    expect(await codeOf(verify(token))).toBe('crypto_unavailable')
  })

  test('an algorithm that it does not know is not a bad signature', async () => {
    const token = await mint({ algorithm: 'EdDSA' })
    const importKey = () => Promise.reject(new DOMException('Unrecognized name.', 'NotSupportedError'))
    const keys = localKeys({ keys: [{ ...pair('EdDSA').jwk }] })
    vi.stubGlobal('crypto', { subtle: { importKey } })
    expect(await codeOf(verify(token, { algorithms: ['EdDSA'], keys }))).toBe('crypto_unavailable')
  })

  test('a verifier that is handed in decides, and only `true` is a yes', async () => {
    const token = await mint()
    vi.stubGlobal('crypto', undefined)
    vi.stubGlobal('TextDecoder', undefined)
    const answers: [unknown, string][] = [
      [true, 'accepted'],
      [Promise.resolve(true), 'accepted'],
      [false, 'signature'],
      ['yes', 'signature'],
    ]
    for (const [answer, code] of answers) {
      expect(await codeOf(verify(token, { verifier: () => answer as boolean }))).toBe(code)
    }
    const [head, payload] = token.split('.')
    await verify(token, {
      verifier: ({ algorithm, data, signature, key }) => {
        expect([algorithm, key.kid, signature.length]).toEqual(['ES256', 'ES256', 64])
        expect(Buffer.from(data).toString()).toBe(`${head}.${payload}`)
        return true
      },
    })
  })
})

describe("an issuer's published keys", () => {
  let service: WireService
  let now = 0
  let published: Jwk[] = []
  beforeEach(async () => {
    service = await WireService.start()
    now = NOW * 1000
    published = [pair().jwk]
    service.other = () => ({ body: { keys: published } })
  })
  afterEach(() => service.stop())
  const fetches = () => service.requests.length
  const source = (more = {}) => remoteKeys(`${service.url}/jwks.json`, { now: () => now, ...more })
  const late = (more: Partial<VerifyTokenOptions>) => ({ ...more, now: () => NOW * 1000 })

  test('are fetched once for many tokens', async () => {
    const keys = source()
    const tokens = await Promise.all(Array.from({ length: 20 }, () => mint()))
    await Promise.all(tokens.map((token) => verify(token, { keys })))
    await verify(await mint(), { keys })
    expect(fetches()).toBe(1)
  })

  test('are found at the issuer when nothing else is said', async () => {
    const issuer = `${service.url}/zones/zone-1`
    const token = await mint({ claims: { iss: issuer } })
    expect(await codeOf(verify(token, { issuer, keys: undefined }))).toBe('accepted')
    expect(service.requests[0]?.path).toBe('/zones/zone-1/.well-known/jwks.json')
  })

  test('a rotation is noticed by the first token of the new key', async () => {
    const keys = source()
    await verify(await mint(), { keys })
    now += 30_000
    const next = await pairOf('ES256', 'next')
    published = [pair().jwk, next.jwk]
    expect(await codeOf(verify(await mint({ by: next }), late({ keys })))).toBe('accepted')
    expect(await codeOf(verify(await mint(), late({ keys })))).toBe('accepted')
    expect(fetches()).toBe(2)
  })

  test('made-up key ids cannot make it flood the issuer', async () => {
    const keys = source()
    await verify(await mint(), { keys })
    for (let i = 0; i < 50; i++) {
      now += 1_000
      const forged = await mint({ header: { kid: `made-up-${i}` } })
      expect(await codeOf(verify(forged, late({ keys })))).toBe('key_unknown')
    }
    expect(fetches()).toBe(2)
  })

  test('a key that was withdrawn is not used once the keys have aged', async () => {
    const keys = source()
    await verify(await mint(), { keys })
    published = []
    now += 600_001
    expect(await codeOf(verify(await mint(), late({ keys })))).toBe('key_unknown')
  })

  test('an issuer that is down is bridged for a quarter of an hour, not longer', async () => {
    const keys = source()
    await verify(await mint(), { keys })
    service.other = () => ({ status: 503, body: {} })
    now += 1_499_000
    expect(await codeOf(verify(await mint(), late({ keys })))).toBe('accepted')
    now += 2_000
    expect(await codeOf(verify(await mint(), late({ keys })))).toBe('keys_unavailable')
  })

  test('an issuer that was never reached is asked again, at most once a second', async () => {
    const keys = source()
    service.other = () => ({ body: 'no json' })
    for (let i = 0; i < 20; i++) expect(await codeOf(verify(await mint(), { keys }))).toBe('keys_unavailable')
    expect(fetches()).toBe(1)
    now += 1_000
    service.other = () => ({ body: { keys: published } })
    expect(await codeOf(verify(await mint(), { keys }))).toBe('accepted')
  })

  test('an issuer that does not answer does not hold the caller', async () => {
    service.other = () => 'held'
    expect(await codeOf(verify(await mint(), { keys: source({ timeoutMs: 50 }) }))).toBe('keys_unavailable')
  })

  test('tokens that are wrong in themselves cost no fetch', async () => {
    const keys = source()
    for (const change of [
      { claims: { iss: 'x' } },
      { claims: { exp: 1 } },
      { claims: { aud: 'x' } },
      { header: { typ: 'x' } },
    ]) {
      await codeOf(verify(await mint(change), { keys }))
    }
    expect(fetches()).toBe(0)
  })
})
