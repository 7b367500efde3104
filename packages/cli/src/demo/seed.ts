import { randomBytes } from 'node:crypto'
import { type AdminApi, ApiError } from '../http/admin-api.js'
import { member, text } from '../http/request.js'
import { type DemoFile, readLocal, writeLocal } from '../local/files.js'
import { APPROVER, OWNER, READ, RESOURCE, TRANSFER } from './policy.js'

/**
 * Sets up the demo in a zone of its own: an agent that may ask for payments, the policy, and a token for the person who
 * approves. What is kept of it lies in the data directory, and a second run finds it there.
 *
 * @param api With the bootstrap token.
 */
export async function seedDemo(api: AdminApi, dataDir: string, source: string): Promise<DemoFile> {
  const earlier = await readLocal(dataDir, 'demo.json')
  if (earlier !== undefined && (await isThere(api, earlier))) return earlier
  const zoneId = text(await createZone(api), 'id')
  const zone = `/v1/zones/${zoneId}`

  await api.post(`${zone}/resources`, { identifier: RESOURCE, name: 'Payments', scopes: [READ, TRANSFER] })
  const application = await api.post(`${zone}/applications`, {
    name: 'invoice-agent',
    auth_method: 'client_secret',
    owner: OWNER,
  })
  const application_id = text(application, 'id')
  await api.post(`${zone}/grants`, { application_id, resource: RESOURCE, scopes: [READ, TRANSFER] })

  const policy = await api.post(`${zone}/policies`, { name: 'payments', source })
  const version = text(member(policy, 'version'), 'id')
  const set = await api.post(`${zone}/policy-sets`, { name: 'demo', policy_versions: [version] })
  await api.post(`${zone}/policy-sets/${text(set, 'id')}/activate`, {})

  const approver = await createToken(api, zoneId, 'approver', APPROVER)
  const owner_token = await createToken(api, zoneId, 'owner', OWNER)
  const demo = { zone_id: zoneId, application_id, client_secret: text(application, 'client_secret'), owner_token }
  await writeLocal(dataDir, 'approver.json', { zone_id: zoneId, token: approver })
  await writeLocal(dataDir, 'demo.json', demo)
  return demo
}

async function isThere(api: AdminApi, demo: DemoFile): Promise<boolean> {
  try {
    await api.get(`/v1/zones/${demo.zone_id}/applications/${demo.application_id}`)
    return true
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return false
    throw error
  }
}

/** The slug may be taken by a run that was cut short. */
async function createZone(api: AdminApi): Promise<unknown> {
  try {
    return await api.post('/v1/zones', { slug: 'demo', name: 'Demo' })
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 409)) throw error
    return api.post('/v1/zones', { slug: `demo-${randomBytes(4).toString('hex')}`, name: 'Demo' })
  }
}

async function createToken(api: AdminApi, zone_id: string, name: string, owner: object): Promise<string> {
  const capabilities = ['read', 'approve']
  return text(await api.post('/v1/admin-tokens', { name, zone_id, capabilities, owner }), 'token')
}
