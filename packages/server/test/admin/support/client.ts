import { type TestService, testService } from '../../support/service.js'
import { type Answer, admin } from '../../support/world.js'

export type { Answer } from '../../support/world.js'

/** One who administers: a service, a token, and the base of a zone. */
export interface Client {
  readonly service: TestService
  readonly zoneId: string
  /** `/v1/zones/{zone_id}` and what follows. */
  send(method: string, path: string, body?: unknown, options?: SendOptions): Promise<Answer>
  /** The same for what must succeed; gives the body. */
  ok(method: string, path: string, body?: unknown, options?: SendOptions): Promise<Record<string, unknown>>
}

export interface SendOptions {
  readonly token?: string
  readonly headers?: Record<string, string>
}

let slugs = 0

/** A zone of its own in a service, with the bootstrap token. */
export async function newZone(service: TestService): Promise<Client> {
  const created = await admin(service, 'POST', '/v1/zones', { slug: `z${++slugs}-${Date.now()}`, name: 'A zone' })
  if (created.status !== 201) throw new Error(JSON.stringify(created.body))
  const zoneId = String(created.body.id)
  const send: Client['send'] = (method, path, body, options) =>
    admin(service, method, `/v1/zones/${zoneId}${path}`, body, options)
  return {
    service,
    zoneId,
    send,
    async ok(...request) {
      const answer = await send(...request)
      if (answer.status >= 300) {
        throw new Error(`${request[0]} ${request[1]}: ${answer.status} ${JSON.stringify(answer.body)}`)
      }
      return answer.body
    },
  }
}

/** A token of a zone, or with `zone_id: undefined` of the whole service. */
export async function newToken(
  service: TestService,
  body: { capabilities: readonly string[]; [member: string]: unknown },
  by?: string,
): Promise<string> {
  const options = by === undefined ? {} : { token: by }
  const created = await admin(service, 'POST', '/v1/admin-tokens', { name: 'a token', ...body }, options)
  if (created.status !== 201) throw new Error(JSON.stringify(created.body))
  return String(created.body.token)
}

export { type TestService, testService }
