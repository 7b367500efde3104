import { createServer } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
import { type TestService, testService } from '../support/service.js'
import { adminOk, createWorld, OWNER, PAYMENTS, type World } from '../support/world.js'

/** A service that is where its issuers say it is: clients that discover it follow those URLs. */
export async function localService(): Promise<TestService> {
  const port = await freePort()
  return testService({ config: { port, baseUrl: `http://127.0.0.1:${port}` } })
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise<unknown>((resolve) => server.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('no port is free')
  return address.port
}

/** What a client developer is given: an issuer, two applications of its zone, and someone who proves what is asked. */
export interface Given {
  readonly service: TestService
  readonly world: World
  readonly issuer: URL
  readonly byKey: { readonly id: string; readonly privateKey: CryptoKey }
  /** Satisfies a challenge as the authentication service of the zone. */
  prove(challengeId: unknown): Promise<void>
}

export async function given(service: TestService): Promise<Given> {
  const world = await createWorld(service)
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const base = `/v1/zones/${world.zoneId}`
  const { id } = await adminOk(service, 'POST', `${base}/applications`, {
    name: 'signer',
    auth_method: 'private_key_jwt',
    owner: OWNER,
    jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: 'a', alg: 'ES256', use: 'sig' }] },
  })
  await adminOk(service, 'POST', `${base}/grants`, { application_id: id, resource: PAYMENTS, scopes: ['transfer'] })
  const prover = await world.token(['prove'], undefined, { max_aal: 'aal3' })
  return {
    service,
    world,
    issuer: new URL(`${service.url}/zones/${world.zoneId}`),
    byKey: { id: String(id), privateKey },
    async prove(challengeId) {
      const proof = { subject: OWNER, aal: 'aal2', amr: ['hwk'], method: 'webauthn' }
      const { status } = await world.satisfy(challengeId, prover, proof)
      if (status !== 200) throw new Error(`the challenge could not be satisfied: ${status}`)
    },
  }
}
