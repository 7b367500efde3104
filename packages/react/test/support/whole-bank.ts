import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InteractionRequiredError, OAuthClient, pauseBody } from '@countersign/client'
import { remoteKeys } from '@countersign/client/verify-token'
import { MandateVerifier } from '@countersign/verify'
import { expressMandates } from '@countersign/verify/express'
import express from 'express'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import pg from 'pg'
import { pino } from 'pino'
import { startService } from '../../../server/src/serve.js'
import { startEmbedded } from '../../../server/src/store/embedded/start-embedded.js'
import { adminOk } from '../../../server/test/support/world.js'

const IDP = 'https://idp.example'
const BASE = 'https://sts.example'
const RESOURCE = 'https://bank.example/transfers'

const POLICY = `package countersign.authz

allow contains "bank" if true

require contains {"policy": "transfers", "aal": "aal2", "max_age": 300} if input.action.id == "transfer"

require contains {"policy": "transfers", "aal": "aal2", "max_age": 300} if "transfer" in input.context.requested_scopes
`

/** A bank with everything real: the service on PostgreSQL, an identity provider's keys, an API in Express with its page. */
export interface WholeBank {
  readonly url: string
  /** An authentication service says that alice has proved herself at aal2. */
  readonly prove: (challengeId: string) => Promise<void>
  /** Moves the service's clock, and with it that of the API. */
  readonly passTime: (seconds: number) => Promise<void>
  readonly stop: () => Promise<void>
}

export async function openWholeBank(page: string): Promise<WholeBank> {
  const undo: (() => Promise<unknown>)[] = []
  const dataDir = await mkdtemp(join(tmpdir(), 'countersign-bank-'))
  undo.push(() => rm(dataDir, { recursive: true, force: true }))
  const postgres = await startEmbedded({ dataDir, log: () => {} })
  undo.push(() => postgres.stop())
  const { host, port, user, database } = postgres.connection
  const adminToken = randomBytes(32).toString('base64url')
  const service = await startService(
    {
      host: '127.0.0.1',
      port: 0,
      baseUrl: BASE,
      dataDir,
      database: {
        kind: 'server',
        url: `postgresql://${user}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`,
      },
      redisUrl: undefined,
      adminTokenHash: createHash('sha256').update(adminToken).digest(),
      adminTokenFile: undefined,
      kek: randomBytes(32),
      roles: new Set(['sts', 'pdp', 'admin', 'gateway']),
      allowPrivateAddresses: true,
      trustProxy: [],
    },
    { log: pino({ level: 'silent' }) },
  )
  undo.push(() => service.close())

  let shiftMs = 0
  const app = express()
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  undo.push(() => new Promise((resolve) => server.close(resolve)))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const idp = await generateKeyPair('ES256')
  const jwks = { keys: [{ ...(await exportJWK(idp.publicKey)), kid: 'idp-1', alg: 'ES256', use: 'sig' }] }
  const admin = (path: string, body: object) => adminOk({ url: service.url, adminToken }, 'POST', `/v1${path}`, body)
  const zone = await admin('/zones', { slug: 'bank', name: 'Bank' })
  const at = `/zones/${zone.id}`
  await admin(`${at}/subject-issuers`, {
    issuer: IDP,
    audience: 'bank',
    jwks,
    aal: { acr: { passkey: 'aal2' }, amr: {} },
  })
  const application = await admin(`${at}/applications`, { name: 'bank', auth_method: 'client_secret', origins: [url] })
  await admin(`${at}/resources`, { identifier: RESOURCE, scopes: ['transfer'] })
  await admin(`${at}/grants`, { application_id: application.id, resource: RESOURCE, scopes: ['transfer'] })
  const policy = await admin(`${at}/policies`, { name: 'bank', source: POLICY })
  const { version } = policy as { version: { id: string } }
  const set = await admin(`${at}/policy-sets`, { name: 'bank', policy_versions: [version.id] })
  await admin(`${at}/policy-sets/${set.id}/activate`, {})
  const owner = { kind: 'application', id: 'authenticator' }
  const prover = await admin('/admin-tokens', {
    name: 'authenticator',
    zone_id: zone.id,
    capabilities: ['prove'],
    max_aal: 'aal2',
    owner,
  })

  const oauth = new OAuthClient(service.url, String(zone.id), String(application.id), {
    clientSecret: String(application.client_secret),
  })
  const seconds = () => Math.floor((Date.now() + shiftMs) / 1000)
  const idToken = (acr: string) =>
    new SignJWT({
      iss: IDP,
      aud: 'bank',
      sub: 'alice',
      sid: 'browser-1',
      acr,
      auth_time: seconds(),
      iat: seconds(),
      exp: seconds() + 300,
    })
      .setProtectedHeader({ alg: 'ES256', kid: 'idp-1', typ: 'JWT' })
      .sign(idp.privateKey)

  const auth = expressMandates(
    new MandateVerifier({
      issuer: String(zone.issuer),
      resource: RESOURCE,
      keys: remoteKeys(`${service.url}/zones/${zone.id}/.well-known/jwks.json`),
      now: () => Date.now() + shiftMs,
    }),
  )
  app.use(express.json())
  app.post('/sign-in', async (request, response) => {
    const token = await idToken(request.body.acr)
    const options = { subjectTokenType: 'id_token', cache: false } as const
    response.json({ session: (await oauth.exchange(token, undefined, options)).accessToken })
  })
  app.post('/raise', async (request, response) => {
    const { session, challenge } = request.body
    await oauth.exchange(session, undefined, { acrValues: 'aal2', maxAge: 300, challenge })
    response.json({})
  })
  app.post('/mandate', async (request, response) => {
    const mandate = await oauth.exchange(request.body.session, RESOURCE, { scopes: ['transfer'] })
    response.json({ mandate: mandate.accessToken })
  })
  app.post(
    '/transfers',
    auth.requireScope('transfer'),
    auth.requireStepUp({ aal: 'aal2', maxAge: 300 }),
    (request, response) => {
      response.json({ from: auth.mandateOf(request).subject, amount: request.body.amount })
    },
  )
  const settings = {
    stsUrl: service.url,
    zoneId: zone.id,
    applicationId: application.id,
    issuer: IDP,
    resource: RESOURCE,
  }
  app.get('/', (_request, response) => {
    const data = `<script id="settings" type="application/json">${JSON.stringify(settings)}</script>`
    response.type('html').send(`<!doctype html><title>Bank</title><body>${data}<script src="/page.js"></script></body>`)
  })
  app.get('/page.js', (_request, response) => {
    response.type('js').send(page)
  })
  app.use((error: unknown, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
    if (error instanceof InteractionRequiredError) response.status(401).json(pauseBody(error))
    else response.status(502).json({ error: String(error) })
  })

  return {
    url,
    prove: async (challengeId) => {
      const body = { subject: { kind: 'user', issuer: IDP, id: 'alice' }, aal: 'aal2', amr: ['hwk'], method: 'passkey' }
      const path = `/v1${at}/step-up-challenges/${challengeId}/satisfy`
      await adminOk({ url: service.url, adminToken }, 'POST', path, body, { token: String(prover.token) })
    },
    passTime: async (by) => {
      const client = new pg.Client({ host, port, user, database })
      await client.connect()
      await client.query(`UPDATE countersign.clock SET shift = shift + $1 * interval '1 second'`, [by])
      await client.query(`SELECT pg_notify('countersign', '{"topic":"clock","zoneId":"","id":""}')`)
      await client.end()
      shiftMs += by * 1000
    },
    stop: async () => {
      for (const step of undo.reverse()) await step()
    },
  }
}
