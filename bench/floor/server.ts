import {
  createPrivateKey,
  createPublicKey,
  hash,
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

/** As many as the service remembers. */
const MOST_REMEMBERED = 20_000
const MOST_IN_BATCH = 256

interface Subject {
  readonly exp: number
  readonly sub: string
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
  const privateKey = createPrivateKey(settings.key)
  const publicKey = createPublicKey(privateKey)
  const secretHash = Buffer.from(settings.secretHash, 'hex')
  const verified = new Map<string, Subject>()
  const header = Buffer.from('{"alg":"ES256","typ":"at+jwt"}').toString('base64url')

  const waiting: Waiting[] = []
  let flushing = false
  const flush = async (): Promise<void> => {
    flushing = true
    while (waiting.length > 0) {
      const batch = waiting.splice(0, MOST_IN_BATCH)
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

  const remember = (key: string, subject: Subject): void => {
    verified.set(key, subject)
    if (verified.size <= MOST_REMEMBERED) return
    for (const oldest of verified.keys()) {
      verified.delete(oldest)
      return
    }
  }

  const subjectOf = async (token: string): Promise<Subject> => {
    const key = hash('sha256', token, 'base64url')
    const held = settings.cache ? verified.get(key) : undefined
    if (held !== undefined) return held
    const [head, payload, signature] = token.split('.') as [string, string, string]
    const valid = await verifyEs256(publicKey, `${head}.${payload}`, Buffer.from(signature, 'base64url'))
    if (!valid) throw new Error('bad signature')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Subject
    if (settings.cache) remember(key, claims)
    return claims
  }

  const policy = (input: { scope: string; challenge: boolean }): boolean => input.scope === 'read' || input.challenge

  const exchange = async (body: string, reply: ServerResponse): Promise<void> => {
    const form = new URLSearchParams(body)
    const presented = hash('sha256', form.get('client_secret') ?? '', 'buffer')
    if (!timingSafeEqual(presented, secretHash)) return refuse(reply)
    const subject = await subjectOf(form.get('subject_token') ?? '')
    const now = Math.floor(Date.now() / 1000)
    if (subject.exp <= now || !policy({ scope: form.get('scope') ?? '', challenge: false })) return refuse(reply)
    const id = timeOrderedId()
    const claims = { iss: 'floor', sub: subject.sub, aud: form.get('resource'), iat: now, exp: now + 900, jti: id }
    const event = JSON.stringify({ id, type: 'exchange', outcome: 'issued', ...claims })
    await record({ id, hash: hash('sha256', `\0${event}`, 'hex'), event })
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

// Random ids would land all over the index; ordered by time, as the service's are, they are added at its end.
function timeOrderedId(): string {
  const time = Date.now().toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
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
