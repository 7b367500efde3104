import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { InteractionRequiredError, OAuthClient, pauseBody } from '@countersign/client'
import { remoteKeys } from '@countersign/client/verify-token'
import { MandateVerifier } from '@countersign/verify'
import { expressMandates } from '@countersign/verify/express'
import express from 'express'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { startRealService } from '../../../client/test/support/real-service.js'

const IDP = 'https://idp.example'
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
  const service = await startRealService()
  let shiftMs = 0
  const app = express()
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const idp = await generateKeyPair('ES256')
  const jwks = { keys: [{ ...(await exportJWK(idp.publicKey)), kid: 'idp-1', alg: 'ES256', use: 'sig' }] }
  const acrs = { passkey: 'aal2' }
  await service.create('subject-issuers', { issuer: IDP, audience: 'bank', jwks, aal: { acr: acrs, amr: {} } })
  const application = await service.create('applications', {
    name: 'bank',
    auth_method: 'client_secret',
    origins: [url],
  })
  await service.create('resources', { identifier: RESOURCE, scopes: ['transfer'] })
  await service.create('grants', { application_id: application.id, resource: RESOURCE, scopes: ['transfer'] })
  await service.activate(POLICY)
  const prover = await service.tokenFor('prove', 'authenticator', { max_aal: 'aal2' })

  const oauth = new OAuthClient(service.url, service.zoneId, String(application.id), {
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
      issuer: service.issuer,
      resource: RESOURCE,
      keys: remoteKeys(`${service.url}/zones/${service.zoneId}/.well-known/jwks.json`),
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
    zoneId: service.zoneId,
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
      await service.create(`step-up-challenges/${challengeId}/satisfy`, body, prover)
    },
    passTime: async (by) => {
      await service.passTime(by)
      shiftMs += by * 1000
    },
    stop: async () => {
      await new Promise((resolve) => server.close(resolve))
      await service.stop()
    },
  }
}
