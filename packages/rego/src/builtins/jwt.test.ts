import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { expect, it } from 'vitest'
import { compile } from '../index.js'

/** The value of one expression; errors of built-ins are raised. */
function evaluate(expression: string, input: unknown = {}): unknown {
  const source = `package t\n\nresult := ${expression}`
  return compile([{ path: 't.rego', source }], { strictBuiltinErrors: true }).evaluate('data.t.result', input as never)
}

const jwk = (key: KeyObject): object => key.export({ format: 'jwk' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed25519 = generateKeyPairSync('ed25519')
const secret = { kty: 'oct', k: Buffer.from('0123456789abcdef0123456789abcdef').toString('base64url') }

function sign(header: object, payload: object, key: object): string {
  return evaluate('io.jwt.encode_sign(input.header, input.payload, input.key)', { header, payload, key }) as string
}

function decodeVerify(token: string, constraints: object): unknown {
  return evaluate('io.jwt.decode_verify(input.token, input.constraints)', { token, constraints })
}

const UNVERIFIED = [false, {}, {}]

it.each([
  ['RS256', rsa],
  ['PS512', rsa],
  ['ES256', p256],
  ['EdDSA', ed25519],
] as const)('verifies what it signed with %s, and nothing that was changed', (alg, { privateKey, publicKey }) => {
  const token = sign({ alg }, { sub: 'x' }, jwk(privateKey))
  const cert = JSON.stringify({ keys: [jwk(publicKey)] })
  const verify = (one: string): unknown =>
    evaluate(`io.jwt.verify_${alg.toLowerCase()}(input.token, input.cert)`, { token: one, cert })
  expect(verify(token)).toBe(true)
  const [header, , signature] = token.split('.')
  const forged = Buffer.from('{"sub":"y"}').toString('base64url')
  expect(verify(`${header}.${forged}.${signature}`)).toBe(false)
  expect(decodeVerify(token, { cert: publicKey.export({ type: 'spki', format: 'pem' }) })).toEqual([
    true,
    { alg },
    { sub: 'x' },
  ])
})

it('never takes a public key for a secret, or a token without a signature', () => {
  const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string
  const confused = sign({ alg: 'HS256' }, {}, { kty: 'oct', k: Buffer.from(pem).toString('base64url') })
  expect(decodeVerify(confused, { cert: pem })).toEqual(UNVERIFIED)
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.`
  expect(decodeVerify(none, { cert: pem })).toEqual(UNVERIFIED)
  expect(decodeVerify(sign({ alg: 'RS256' }, {}, jwk(rsa.privateKey)), { secret: pem })).toEqual(UNVERIFIED)
})

it('checks issuer, audience and times', () => {
  const constraint = { secret: '0123456789abcdef0123456789abcdef', iss: 'i', aud: 'a', time: 100e9 }
  const claims = { iss: 'i', aud: ['a', 'b'], nbf: 100, exp: 101 }
  const check = (changedClaims: object, changed: object = {}): unknown =>
    (
      decodeVerify(sign({ alg: 'HS256' }, { ...claims, ...changedClaims }, secret), {
        ...constraint,
        ...changed,
      }) as unknown[]
    )[0]
  expect(check({})).toBe(true)
  expect(check({ iss: 'j' })).toBe(false)
  expect(check({ iss: 5 })).toBe(false)
  expect(check({ aud: 'c' })).toBe(false)
  expect(check({ exp: 100 })).toBe(false)
  expect(check({ nbf: 101 })).toBe(false)
  expect(check({}, { alg: 'HS512' })).toBe(false)
  expect(() => check({ nbf: 'soon' })).toThrow('nbf value must be a number')
  expect(() => check({}, { foo: 1 })).toThrow('unknown token validation constraint: foo')
})

it('refuses a critical header that it does not know', () => {
  const token = sign({ alg: 'HS256', crit: ['b64'], b64: false }, {}, secret)
  expect(decodeVerify(token, { secret: '0123456789abcdef0123456789abcdef' })).toEqual(UNVERIFIED)
})

it('never shows a key in an error', () => {
  const broken = JSON.stringify({ kty: 'RSA', n: 'c2VjcmV0', e: 'AQAB', d: 'dG9wc2VjcmV0' })
  expect(() => evaluate('io.jwt.encode_sign_raw("{"alg":"RS256"}", "{}", input)', broken)).toThrow(
    expect.not.objectContaining({ message: expect.stringContaining('dG9wc2VjcmV0') }),
  )
})

it('keeps the bytes of decoded strings for hashing', () => {
  const bytes = Buffer.from([0xff, 0x00, 0xc3, 0x28, 0xe2, 0x82])
  expect(evaluate('crypto.sha256(base64.decode(input))', bytes.toString('base64'))).toBe(
    createHash('sha256').update(bytes).digest('hex'),
  )
  expect(evaluate('hex.encode(base64url.decode(input))', bytes.toString('base64url'))).toBe(bytes.toString('hex'))
})
