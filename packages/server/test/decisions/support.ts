import type { DecisionData } from '@countersign/protocol'
import { expect } from 'vitest'
import type { TestService } from '../support/service.js'
import { type Answer, read, type World } from '../support/world.js'

/** Who asks and where; the world's application, on the first node, unless said otherwise. */
export interface Asking {
  readonly bearer?: string
  readonly url?: string
  readonly headers?: Record<string, string>
}

/** The credentials of a world's application. */
export function basicOf({ application }: World): string {
  return `Basic ${Buffer.from(`${application.id}:${application.secret}`).toString('base64')}`
}

/** Sends JSON to a path of a service as the world's application. */
export function poster(service: Pick<TestService, 'url'>, world: World) {
  return async (path: string, body: unknown, { bearer, url = service.url, headers = {} }: Asking = {}) => {
    const authorization = bearer === undefined ? basicOf(world) : `Bearer ${bearer}`
    const init = { 'content-type': 'application/json', authorization, ...headers }
    return read(await fetch(`${url}${path}`, { method: 'POST', headers: init, body: JSON.stringify(body) }))
  }
}

/** Asks the decision point of a world one question. */
export function checker(service: Pick<TestService, 'url'>, world: World) {
  const post = poster(service, world)
  return (question: unknown, asking?: Asking): Promise<Answer> =>
    post(`/v1/zones/${world.zoneId}/decisions/check`, question, asking)
}

/** The same for a question that must be answered. */
export function asker(service: Pick<TestService, 'url'>, world: World) {
  const check = checker(service, world)
  return async (question: unknown, asking?: Asking): Promise<DecisionData> => {
    const answer = await check(question, asking)
    expect(answer).toMatchObject({ status: 200 })
    return answer.body.data as DecisionData
  }
}
