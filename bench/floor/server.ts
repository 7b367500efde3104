import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomUUID,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import pg from 'pg'

/**
 * The floor: what any service must do that verifies a token, decides, makes a record durable and signs another, and
 * nothing more. No framework, no tenants, no policy engine, no checks that would cost anything. It takes no short cut
 * that the service may not take: the answer waits for the record, and the record for the disk.
 */
export interface FloorSettings {
  readonly database: pg.ClientConfig
  /** PEM of the P-256 key that signs what it issues and verifies what it is shown. */
  readonly key: string
  readonly secretHash: string
  /** Whether subject tokens that verified are remembered. */
  readonly cache: boolean
}

interface Waiting {
  readonly event: { readonly id: string; readonly hash: string; readonly event: string }
  readonly resolve: () => void
}

const INSERT = `INSERT INTO public.floor_events (id, hash, event)
  SELECT id, hash, event FROM jsonb_to_recordset($1::jsonb) AS e(id uuid, hash text, event text)`

export async function startFloor(settings: FloorSettings): Promise<number> {
  const client = new pg.Client(settings.database)
  await client.connect()
  await client.query('CREATE TABLE IF NOT EXISTS public.floor_events (id uuid PRIMARY KEY, hash text, event text)')
  const privateKey = createPrivateKey(settings.key)
  const publicKey = createPublicKey(privateKey)
  const secretHash = Buffer.from(settings.secretHash, 'hex')
  const verified = new Map<string, { exp: number; sub: string }>()
  const header = Buffer.from('{"alg":"ES256","typ":"at+jwt"}').toString('base64url')

  const waiting: Waiting[] = []
  let flushing = false
  const flush = async (): Promise<void> => {
    flushing = true
    while (waiting.length > 0) {
      const batch = waiting.splice(0, 256)
      const rows = JSON.stringify(batch.map(({ event }) => event))
      await client.query({ name: 'insert', text: INSERT, values: [rows] })
      for (const { resolve } of batch) resolve()
    }
    flushing = false
  }
  const record = (event: Waiting['event']): Promise<void> =>
    new Promise((resolve) => {
      waiting.push({ event, resolve })
      if (!flushing) {
        flushing = true
        setImmediate(flush)
      }
    })

  const subjectOf = async (token: string): Promise<{ exp: number; sub: string }> => {
    const key = createHash('sha256').update(token).digest('base64url')
    const held = settings.cache ? verified.get(key) : undefined
    if (held !== undefined) return held
    const [head, payload, signature] = token.split('.') as [string, string, string]
    const valid = await verifyEs256(publicKey, `${head}.${payload}`, Buffer.from(signature, 'base64url'))
    if (!valid) throw new Error('bad signature')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { exp: number; sub: string }
    if (settings.cache) verified.set(key, claims)
    return claims
  }

  const policy = (input: { scope: string; challenge: boolean }): boolean => input.scope === 'read' || input.challenge

  const exchange = async (body: string, reply: ServerResponse): Promise<void> => {
    const form = new URLSearchParams(body)
    const hash = createHash('sha256')
      .update(form.get('client_secret') ?? '')
      .digest()
    if (!timingSafeEqual(hash, secretHash)) return refuse(reply)
    const subject = await subjectOf(form.get('subject_token') ?? '')
    const now = Math.floor(Date.now() / 1000)
    if (subject.exp <= now || !policy({ scope: form.get('scope') ?? '', challenge: false })) return refuse(reply)
    const id = randomUUID()
    const claims = { iss: 'floor', sub: subject.sub, aud: form.get('resource'), iat: now, exp: now + 900, jti: id }
    const event = JSON.stringify({ id, type: 'exchange', outcome: 'issued', ...claims })
    await record({ id, hash: createHash('sha256').update('\0').update(event).digest('hex'), event })
    const input = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
    const signature = await signEs256(privateKey, input)
    const answer = JSON.stringify({
      access_token: `${input}.${signature.toString('base64url')}`,
      token_type: 'Bearer',
      expires_in: 900,
    })
    reply
      .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) })
      .end(answer)
  }

  const server = createServer((request: IncomingMessage, reply: ServerResponse) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      exchange(Buffer.concat(chunks).toString('utf8'), reply).catch(() => refuse(reply))
    })
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
}

function refuse(reply: ServerResponse): void {
  reply.writeHead(401, { 'content-length': 0 }).end()
}

function verifyEs256(key: KeyObject, input: string, signature: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    verify('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }, signature, (error, valid) =>
      resolve(error === null && valid),
    )
  })
}

function signEs256(key: KeyObject, input: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }, (error, signature) =>
      error === null ? resolve(signature) : reject(error),
    )
  })
}
