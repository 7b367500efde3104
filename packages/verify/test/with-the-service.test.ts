import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DecisionClient, type InteractionRequiredError, OAuthClient, stepUpFetch } from '@countersign/client'
import { remoteKeys } from '@countersign/client/verify-token'
import express from 'express'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RealService, startRealService } from '../../client/test/support/real-service.js'
import { expressMandates } from '../src/express.js'
import { introspection, MandateVerifier } from '../src/index.js'

const RESOURCE = 'resource://payments'

const POLICY = `package countersign.authz

allow contains "payments" if true

step_up contains {"policy": "transfers", "type": "human_approval"} if "transfer" in input.context.requested_scopes

require contains {"policy": "transfers", "aal": "aal2"} if input.action.id == "wipe"
`

let service: RealService
let server: Server
let api = ''
let oauth: OAuthClient
let decisions: DecisionClient
let applicationId = ''
let approver = ''
beforeAll(async () => {
  service = await startRealService()
  const application = await service.create('applications', { name: 'agent', auth_method: 'client_secret' })
  applicationId = String(application.id)
  const clientSecret = String(application.client_secret)
  const ours = await service.create('applications', { name: 'payments', auth_method: 'client_secret' })
  await service.create('resources', { identifier: RESOURCE, scopes: ['read', 'transfer'], served_by: ours.id })
  await service.create('grants', { application_id: applicationId, resource: RESOURCE, scopes: ['read', 'transfer'] })
  await service.activate(POLICY)
  approver = await service.tokenFor('approve', 'ann')
  oauth = new OAuthClient(service.url, service.zoneId, applicationId, { clientSecret })
  decisions = new DecisionClient(service.url, service.zoneId, { applicationId, clientSecret, cache: { ttlMs: 60_000 } })

  // Mandates name the service by its public address; it is asked at the one it has here.
  const zone = `${service.url}/zones/${service.zoneId}`
  const auth = expressMandates(
    new MandateVerifier({
      issuer: service.issuer,
      resource: RESOURCE,
      keys: remoteKeys(`${zone}/.well-known/jwks.json`),
      revocation: introspection({
        issuer: zone,
        applicationId: String(ours.id),
        clientSecret: String(ours.client_secret),
      }),
    }),
  )
  const app = express()
  app.get('/balance', auth.requireScope('read'), (request, response) => {
    response.json({ for: auth.mandateOf(request).clientId })
  })
  app.post('/transfers', auth.requireScope('transfer'), (_request, response) => {
    response.json({ done: true })
  })
  app.get('/vault', auth.requireStepUp({ aal: 'aal3' }), (_request, response) => {
    response.json({})
  })
  server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}, 120_000)
afterAll(async () => {
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)))
  await service?.stop()
})

const call = async (path: string, mandate: string, method = 'GET') => {
  const answer = await fetch(`${api}${path}`, { method, headers: { authorization: `Bearer ${mandate}` } })
  return { status: answer.status, body: await answer.json() }
}

const approve = ({ challengeId }: InteractionRequiredError) =>
  service.create(`step-up-challenges/${challengeId}/satisfy`, {}, approver)

test('a mandate of the service opens the API, and what it does not cover stays shut', async () => {
  const { accessToken } = await oauth.exchange(undefined, RESOURCE, { scopes: ['read'] })
  expect(await call('/balance', accessToken)).toEqual({ status: 200, body: { for: applicationId } })
  expect((await call('/transfers', accessToken, 'POST')).status).toBe(403)
  const session = await oauth.exchange()
  expect((await call('/balance', session.accessToken)).status).toBe(401)
})

test('a transfer pauses, a person approves, the exchange resumes and the call succeeds', async () => {
  const states: string[] = []
  const mandate = await oauth.exchangeWithStepUp(undefined, RESOURCE, {
    scopes: ['transfer'],
    onChallenge: async (challenge) => {
      expect(challenge.challengeType).toBe('human_approval')
      await approve(challenge)
    },
    onState: (state) => states.push(state),
  })
  expect(states.at(-1)).toBe('satisfied')
  expect(mandate.receipt?.leaf_hash).toMatch(/^[0-9a-f]{64}$/)
  expect((await call('/transfers', mandate.accessToken, 'POST')).status).toBe(200)
})

test('giving up cancels the challenge at the service', async () => {
  let paused: InteractionRequiredError | undefined
  const cancelled = oauth.exchangeWithStepUp(undefined, RESOURCE, {
    scopes: ['transfer'],
    ttlSeconds: 61,
    onChallenge: (challenge) => {
      paused = challenge
      throw new Error('closed')
    },
  })
  await expect(cancelled).rejects.toThrow('closed')
  if (!paused) throw new Error('was not paused')
  const challenge = paused
  await expect.poll(() => oauth.waitForChallenge(challenge).catch((error) => error.code)).not.toBe('pending')
  await expect(approve(challenge)).rejects.toThrow(/404|409/)
})

test('a mandate that was revoked opens nothing any more, at once', async () => {
  const { accessToken } = await oauth.exchange(undefined, RESOURCE, { scopes: ['read'], cache: false })
  expect((await call('/balance', accessToken)).status).toBe(200)
  const sessions = await oauth.exchange(undefined, undefined, { cache: false })
  const { sid } = JSON.parse(Buffer.from(sessions.accessToken.split('.')[1] ?? '', 'base64url').toString())
  await service.create(`sessions/${sid}/suspend`, {})
  expect((await call('/balance', accessToken)).status).toBe(401)
  await service.create(`sessions/${sid}/resume`, {})
})

test('an API that wants more than the zone can give is heard by the client’s helper', async () => {
  const demands: unknown[] = []
  const fetchApi = stepUpFetch({
    token: async () => (await oauth.exchange(undefined, RESOURCE, { scopes: ['read'] })).accessToken,
    stepUp: async (demand) => {
      demands.push(demand.acrValues)
      throw new Error('nobody can')
    },
  })
  await expect(fetchApi(`${api}/vault`)).rejects.toThrow('nobody can')
  expect(demands).toEqual(['aal3'])
})

test('decisions: one, many, which resources, and a new policy that empties the cache', async () => {
  const subject = { type: 'application', id: applicationId }
  expect(await decisions.check({ subject, permission: 'read', resource: RESOURCE })).toMatchObject({
    status: 'granted',
  })
  expect(await decisions.check({ subject, permission: 'wipe', resource: RESOURCE })).toMatchObject({
    status: 'step_up',
    requiredAal: 'aal2',
    challengeType: 'mfa',
  })
  const many = await decisions.checkBatch([
    { subject, permission: 'read', resource: RESOURCE },
    { subject: null, permission: 'read' },
    { subject, permission: 'wipe', resource: RESOURCE, currentAal: 'aal3' },
  ])
  expect(many.map(({ status }) => status)).toEqual(['granted', 'unavailable', expect.any(String)])
  expect(await decisions.listResources({ subject, permission: 'read' })).toMatchObject({
    status: 'listed',
    resources: [{ id: RESOURCE }],
  })
  await service.activate('package countersign.authz\n\ndeny contains {"policy": "shut", "reason": "closed"} if true\n')
  expect(await decisions.check({ subject, permission: 'other', resource: RESOURCE })).toMatchObject({
    status: 'denied',
  })
  expect(await decisions.check({ subject, permission: 'read', resource: RESOURCE })).toMatchObject({ status: 'denied' })
})
