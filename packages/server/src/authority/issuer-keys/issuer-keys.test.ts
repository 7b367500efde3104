import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type LookupFunction, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { isPublicAddress } from '../../outbound/address.js'
import { GuardedAgent } from '../../outbound/guarded-agent.js'
import type { SubjectIssuer } from '../snapshot.js'
import { fetchJwks } from './fetch-jwks.js'
import { IssuerKeys } from './issuer-keys.js'

const T0 = Date.parse('2026-01-01T00:00:00Z')
const SECOND = 1000
const MINUTE = 60_000

const closing: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function listen(server: Server | ReturnType<typeof createTcpServer>, host = '127.0.0.1'): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  closing.push(() => new Promise((resolve) => server.close(resolve)))
  return (server.address() as AddressInfo).port
}

/** An issuer's key server that counts, and answers as it is told. */
async function issuerServer(answer: RequestListener): Promise<{ url: string; requests: () => number }> {
  let requests = 0
  const server = createServer((request, response) => {
    requests++
    response.setHeader('connection', 'close')
    answer(request, response)
  })
  const port = await listen(server)
  return { url: `http://127.0.0.1:${port}/jwks`, requests: () => requests }
}

const jwks = (...kids: string[]) => ({
  keys: kids.map((kid) => ({ ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }), kid })),
})

function issuerAt(jwksUri: string | null, more: Partial<SubjectIssuer> = {}): SubjectIssuer {
  return {
    id: randomUUID(),
    issuer: 'https://issuer.example',
    audience: 'countersign',
    jwksUri,
    jwks: null,
    aal: {},
    applications: null,
    ...more,
  }
}

function issuerKeys(failures: string[] = []): IssuerKeys {
  const keys = new IssuerKeys({ allowPrivateAddresses: true, onFailure: (_issuer, reason) => failures.push(reason) })
  closing.push(() => keys.close())
  return keys
}

describe('the keys of an issuer', () => {
  it('are fetched once for everyone who asks at the same moment, and then held', async () => {
    const server = await issuerServer((_request, response) => response.end(JSON.stringify(jwks('a'))))
    const keys = issuerKeys()
    const issuer = issuerAt(server.url)
    const sets = await Promise.all(Array.from({ length: 50 }, () => keys.current(issuer, T0)))
    expect(new Set(sets).size).toBe(1)
    expect(sets[0]?.keys.map((key) => key.kid)).toEqual(['a'])
    const held = keys.current(issuer, T0 + MINUTE)
    expect(held).toBe(sets[0])
    expect(server.requests()).toBe(1)
  })

  it('that are inline need no fetch', async () => {
    const set = await issuerKeys().current(issuerAt('http://127.0.0.1:1/', { jwks: jwks('inline') }), T0)
    expect(set?.keys.map((key) => key.kid)).toEqual(['inline'])
  })

  it('are fetched again for an unknown kid, at most once in the cooldown', async () => {
    let kid = 'a'
    const server = await issuerServer((_request, response) => response.end(JSON.stringify(jwks(kid))))
    const keys = issuerKeys()
    const issuer = issuerAt(server.url)
    await keys.current(issuer, T0)
    kid = 'b'
    const kids = async (now: number) => (await keys.refetched(issuer, now))?.keys.map((key) => key.kid)
    expect(await kids(T0 + 29 * SECOND)).toEqual(['a'])
    expect(await kids(T0 + 30 * SECOND)).toEqual(['b'])
    for (let i = 0; i < 20; i++) await kids(T0 + 31 * SECOND)
    expect(server.requests()).toBe(2)
  })

  it('are looked at again in the background before they age, and stay one object while their content does', async () => {
    const body = JSON.stringify(jwks('a'))
    const server = await issuerServer((_request, response) => response.end(body))
    const keys = issuerKeys()
    const issuer = issuerAt(server.url)
    const first = await keys.current(issuer, T0)
    expect(keys.current(issuer, T0 + 6 * MINUTE)).toBe(first)
    await expect.poll(() => server.requests()).toBe(2)
    await keys.refetched(issuer, T0 + 6 * MINUTE)
    expect(keys.current(issuer, T0 + 11 * MINUTE)).toBe(first)
  })

  it('that are older than ten minutes are not used unseen', async () => {
    let kid = 'a'
    const server = await issuerServer((_request, response) => response.end(JSON.stringify(jwks(kid))))
    const keys = issuerKeys()
    const issuer = issuerAt(server.url)
    await keys.current(issuer, T0)
    kid = 'b'
    expect((await keys.current(issuer, T0 + 10 * MINUTE))?.keys[0]?.kid).toBe('b')
  })

  it('serve on for an hour while the issuer is down, and no longer', async () => {
    let up = true
    const body = JSON.stringify(jwks('a'))
    const server = await issuerServer((_request, response) => {
      response.statusCode = up ? 200 : 503
      response.end(body)
    })
    const failures: string[] = []
    const keys = issuerKeys(failures)
    const issuer = issuerAt(server.url)
    const first = await keys.current(issuer, T0)
    up = false
    expect(await keys.current(issuer, T0 + 11 * MINUTE)).toBe(first)
    expect(await keys.current(issuer, T0 + 59 * MINUTE)).toBe(first)
    expect(await keys.current(issuer, T0 + 60 * MINUTE)).toBeUndefined()
    expect(new Set(failures)).toEqual(new Set(['bad_status']))
    up = true
    expect(await keys.current(issuer, T0 + 61 * MINUTE)).toBe(first)
  })

  it('that could not be had are not asked for again at once', async () => {
    const server = await issuerServer((_request, response) => response.writeHead(500).end())
    const keys = issuerKeys()
    const issuer = issuerAt(server.url)
    for (let i = 0; i < 20; i++) expect(await keys.current(issuer, T0 + i * 400)).toBeUndefined()
    expect(server.requests()).toBe(1)
    await keys.current(issuer, T0 + 10 * SECOND)
    expect(server.requests()).toBe(2)
  })

  it('belong to the row: an edited issuer starts anew', async () => {
    const server = await issuerServer((_request, response) => response.end(JSON.stringify(jwks('a'))))
    const keys = issuerKeys()
    const issuer = issuerAt(server.url)
    await keys.current(issuer, T0)
    await keys.current({ ...issuer }, T0)
    expect(server.requests()).toBe(2)
  })
})

describe('a fetch of keys', () => {
  const fetchFrom = (url: string, allow = true) => {
    const agent = new GuardedAgent({ allowPrivateAddresses: allow })
    closing.push(() => agent.destroy())
    return fetchJwks(url, { agent, allowHttp: allow })
  }

  it('takes no redirect, no error, no other shape, and nothing too large', async () => {
    const target = await issuerServer((_request, response) => response.end(JSON.stringify(jwks('a'))))
    const cases: [string, RequestListener][] = [
      ['bad_status', (_request, response) => response.writeHead(302, { location: target.url }).end()],
      ['bad_status', (_request, response) => response.writeHead(404).end('{"keys":[]}')],
      ['not_a_key_set', (_request, response) => response.end('<html>')],
      ['not_a_key_set', (_request, response) => response.end('{"keys":{}}')],
      ['not_a_key_set', (_request, response) => response.end('null')],
      ['not_a_key_set', (_request, response) => response.end()],
      ['too_large', (_request, response) => response.end(`{"keys":[],"pad":"${'x'.repeat(256 * 1024)}"}`)],
      ['unreachable', (_request, response) => response.socket?.destroy()],
    ]
    for (const [reason, answer] of cases) {
      const server = await issuerServer(answer)
      expect(await fetchFrom(server.url)).toEqual({ kind: 'failed', reason })
    }
    expect(target.requests()).toBe(0)
  })

  it('gives up on an issuer that never ends its answer', async () => {
    const trickle = await issuerServer((_request, response) => {
      const timer = setInterval(() => response.write(' '), 100)
      response.on('close', () => clearInterval(timer))
    })
    const started = Date.now()
    expect(await fetchFrom(trickle.url)).toEqual({ kind: 'failed', reason: 'unreachable' })
    expect(Date.now() - started).toBeLessThan(15_000)
  })

  it('believes an issuer by its certificate, and no other', async () => {
    const { key, cert } = selfSigned('localhost')
    const server = createTlsServer({ key, cert }, (_request, response) => {
      response.setHeader('connection', 'close')
      response.end(JSON.stringify(jwks('a')))
    })
    const url = `https://localhost:${await listen(server)}/jwks`
    expect(await fetchFrom(url)).toEqual({ kind: 'failed', reason: 'unreachable' })
    const other = await listen(createTlsServer(selfSigned('elsewhere')))
    for (const [ca, port, kind] of [
      [cert, new URL(url).port, 'fetched'],
      [cert, other, 'failed'],
      [selfSigned('localhost').cert, new URL(url).port, 'failed'],
    ] as const) {
      const agent = new GuardedAgent({ allowPrivateAddresses: true, ca })
      closing.push(() => agent.destroy())
      const outcome = await fetchJwks(`https://localhost:${port}/jwks`, { agent, allowHttp: false })
      expect(outcome.kind).toBe(kind)
    }
  })

  it('is never made without TLS, or with credentials in the URL, to the public internet', async () => {
    expect(await fetchFrom('http://issuer.example/jwks', false)).toEqual({ kind: 'failed', reason: 'insecure_url' })
    for (const url of ['https://user:word@issuer.example/', 'ftp://x/', 'jwks', '']) {
      expect(await fetchFrom(url, false)).toEqual({ kind: 'failed', reason: 'invalid_url' })
    }
  })
})

/** A certificate of a name that vouches for itself, in DER by hand (RFC 5280 section 4.1), since Node writes none. */
function selfSigned(name: string): { key: string; cert: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const der = (tag: number, ...parts: Buffer[]): Buffer => {
    const body = Buffer.concat(parts)
    const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 255]
    return Buffer.concat([Buffer.from([tag, ...length]), body])
  }
  const sequence = (...parts: Buffer[]) => der(0x30, ...parts)
  const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'))
  const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'))
  const commonName = sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(name)))))
  const time = (year: number) => der(0x17, Buffer.from(`${year % 100}0101000000Z`))
  const altNames = sequence(oid('551d11'), der(0x04, sequence(der(0x82, Buffer.from(name)))))
  const toBeSigned = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    ecdsaWithSha256,
    commonName,
    sequence(time(2020), time(2049)),
    commonName,
    publicKey.export({ format: 'der', type: 'spki' }),
    der(0xa3, sequence(altNames)),
  )
  const signature = der(0x03, Buffer.from([0]), sign('sha256', toBeSigned, privateKey))
  const pem = sequence(toBeSigned, ecdsaWithSha256, signature).toString('base64').replace(/.{64}/g, '$&\n')
  return {
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${pem}\n-----END CERTIFICATE-----\n`,
  }
}

const octet = fc.nat(255)
const v4 = (...parts: fc.Arbitrary<number>[]) => fc.tuple(...parts).map((numbers) => numbers.join('.'))
const hextets = (count: number) =>
  fc
    .array(fc.nat(0xffff), { minLength: count, maxLength: count })
    .map((items) => items.map((n) => n.toString(16)).join(':'))
const one = fc.constant<number>

/** Addresses that stand for this machine, this network, or nobody, in any of their written forms. */
const privateV4 = fc.oneof(
  v4(one(127), octet, octet, octet),
  v4(one(10), octet, octet, octet),
  v4(one(172), fc.integer({ min: 16, max: 31 }), octet, octet),
  v4(one(192), one(168), octet, octet),
  v4(one(169), one(254), octet, octet),
  v4(one(100), fc.integer({ min: 64, max: 127 }), octet, octet),
  v4(fc.integer({ min: 224, max: 255 }), octet, octet, octet),
  v4(one(0), octet, octet, octet),
  v4(one(198), fc.constantFrom(18, 19), octet, octet),
  v4(one(192), one(0), fc.constantFrom(0, 2), octet),
  v4(one(203), one(0), one(113), octet),
)
const privateV6 = fc.oneof(
  fc.constantFrom('::', '::1'),
  hextets(7).map((rest) => `fe80:${rest}`),
  hextets(7).map((rest) => `fec0:${rest}`),
  hextets(7).map((rest) => `fd12:${rest}`),
  hextets(7).map((rest) => `ff02:${rest}`),
  hextets(6).map((rest) => `2001:db8:${rest}`),
  hextets(6).map((rest) => `2002:7f00:${rest}`),
  privateV4.map((address) => `::ffff:${address}`),
  privateV4.map((address) => `64:ff9b::${address}`),
  privateV4.map((address) => `::${address}`),
)
const privateAddress = fc.oneof(privateV4, privateV6)

/** Other ways to write an IPv4 address into a URL. */
const spelled = privateV4.chain((address) => {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number)
  const whole = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
  return fc.constantFrom(
    address,
    `${whole}`,
    `0x${whole.toString(16)}`,
    `0${whole.toString(8)}`,
    `${a}.${(b << 16) | (c << 8) | d}`,
    `0x${a.toString(16)}.${b}.${(c << 8) | d}`,
    `${address}.`,
  )
})

describe('no private address is ever connected to', () => {
  it('whatever it is written as', () => {
    fc.assert(
      fc.property(privateAddress, (address) => {
        expect(isPublicAddress(address)).toBe(false)
      }),
      { numRuns: 2000 },
    )
    for (const address of ['8.8.8.8', '1.1.1.1', '2606:4700:4700::1111', '100.63.255.255', '172.32.0.1', '11.0.0.1']) {
      expect(isPublicAddress(address)).toBe(true)
    }
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(isPublicAddress(`x${text}`)).toBe(false)
      }),
    )
  })

  it('when it stands in the URL', async () => {
    const agent = new GuardedAgent({ allowPrivateAddresses: false })
    closing.push(() => agent.destroy())
    const host = fc.oneof(
      spelled,
      privateV6.map((address) => `[${address}]`),
    )
    await fc.assert(
      fc.asyncProperty(host, fc.constantFrom('http', 'https'), async (written, scheme) => {
        const outcome = await fetchJwks(`${scheme}://${written}:9/`, { agent, allowHttp: true })
        expect(outcome).toEqual({ kind: 'failed', reason: 'private_address' })
      }),
      { numRuns: 500 },
    )
  })

  it('when a name resolves to it, alone or among public ones, now or only at the second look', async () => {
    const connected: Socket[] = []
    const port = await listen(createTcpServer((socket) => connected.push(socket)))
    let answers: string[] = []
    const lookup: LookupFunction = (_hostname, options, callback) => {
      const found = answers.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
      if (options.all === true) callback(null, found)
      else callback(null, found[0]?.address ?? '', found[0]?.family ?? 4)
    }
    const agent = new GuardedAgent({ allowPrivateAddresses: false, lookup })
    closing.push(() => agent.destroy())
    const publicAddress = fc.constantFrom<string[]>('8.8.8.8', '2606:4700:4700::1111')
    const resolved = fc
      .tuple(fc.array(publicAddress, { maxLength: 2 }), fc.oneof(fc.constant('127.0.0.1'), privateAddress), fc.nat(2))
      .map(([others, bad, at]) => others.toSpliced(at, 0, bad))
    await fc.assert(
      fc.asyncProperty(resolved, async (addresses) => {
        answers = addresses
        const outcome = await fetchJwks(`http://rebinding.example:${port}/`, { agent, allowHttp: true })
        expect(outcome).toEqual({ kind: 'failed', reason: 'private_address' })
      }),
      { numRuns: 500 },
    )
    expect(connected).toEqual([])
  })

  it('and by an agent that was destroyed nothing is fetched, whether it had fetched before or not', async () => {
    const server = await issuerServer((_request, response) => response.end(JSON.stringify(jwks('a'))))
    const [used, unused] = [
      new GuardedAgent({ allowPrivateAddresses: true }),
      new GuardedAgent({ allowPrivateAddresses: true }),
    ]
    expect(await fetchJwks(server.url, { agent: used, allowHttp: true })).toMatchObject({ kind: 'fetched' })
    for (const agent of [used, unused]) {
      await agent.destroy()
      expect(await fetchJwks(server.url, { agent, allowHttp: true })).toEqual({ kind: 'failed', reason: 'unreachable' })
    }
    expect(server.requests()).toBe(1)
  })

  it('unless the configuration allows it', async () => {
    const server = await issuerServer((_request, response) => response.end(JSON.stringify(jwks('a'))))
    const guarded = new GuardedAgent({ allowPrivateAddresses: false })
    const open = new GuardedAgent({ allowPrivateAddresses: true })
    closing.push(
      () => guarded.destroy(),
      () => open.destroy(),
    )
    expect(await fetchJwks(server.url, { agent: guarded, allowHttp: true })).toMatchObject({ kind: 'failed' })
    expect(server.requests()).toBe(0)
    expect(await fetchJwks(server.url, { agent: open, allowHttp: true })).toMatchObject({ kind: 'fetched' })
    const named = server.url.replace('127.0.0.1', 'localhost')
    expect(await fetchJwks(named, { agent: guarded, allowHttp: true })).toMatchObject({ kind: 'failed' })
    expect(server.requests()).toBe(1)
  })
})
