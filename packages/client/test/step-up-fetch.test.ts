import { afterEach, beforeEach, expect, test } from 'vitest'
import { OAuthClient, type StepUpDemand, stepUpFetch } from '../src/index.js'
import { issued, WireService } from './wire-service.js'

let service: WireService
beforeEach(async () => {
  service = await WireService.start()
  service.other = ({ headers, text }) =>
    headers.authorization === 'Bearer strong' ? { body: { done: text } } : stronger
})
afterEach(() => service.stop())

const stronger = {
  status: 401,
  headers: { 'www-authenticate': 'Bearer error="insufficient_user_authentication", acr_values="aal2", max_age="300"' },
  body: {},
}

test('a demand is met and the call repeated once, body and headers and all', async () => {
  const demands: StepUpDemand[] = []
  const api = stepUpFetch({
    token: () => 'weak',
    stepUp: (demand) => {
      demands.push(demand)
      return 'strong'
    },
  })
  const answer = await api(`${service.url}/api`, { method: 'POST', body: 'pay', headers: { 'x-own': 'kept' } })
  expect(await answer.json()).toEqual({ done: 'pay' })
  expect(demands).toMatchObject([{ acrValues: 'aal2', maxAge: 300 }])
  expect(service.to('/api').map(({ headers }) => headers['x-own'])).toEqual(['kept', 'kept'])
})

test('a server that is never content is asked twice, not for ever', async () => {
  let asked = 0
  const api = stepUpFetch({ token: () => 'weak', stepUp: () => `weaker-${++asked}` })
  expect((await api(`${service.url}/api`)).status).toBe(401)
  expect(asked).toBe(1)
  expect(service.to('/api')).toHaveLength(2)
})

test('any other answer is handed on', async () => {
  service.other = () => ({ status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' }, body: {} })
  const api = stepUpFetch({ token: () => 'weak', stepUp: () => Promise.reject(new Error('must not be called')) })
  expect((await api(`${service.url}/api`)).status).toBe(401)
})

test('a body that is read once is not sent again', async () => {
  const api = stepUpFetch({ token: () => 'weak', stepUp: () => 'strong' })
  const body = new Response('pay').body
  const answer = await api(`${service.url}/api`, { method: 'POST', body, duplex: 'half' } as RequestInit)
  expect(answer.status).toBe(401)
  expect(service.to('/api')).toHaveLength(1)
})

test('giving up on the step-up ends the call', async () => {
  const gaveUp = new Error('closed')
  const api = stepUpFetch({ token: () => 'weak', stepUp: () => Promise.reject(gaveUp) })
  await expect(api(`${service.url}/api`)).rejects.toBe(gaveUp)
})

test('with an OAuthClient it runs the whole loop: demand, challenge, raised session, fresh mandate, call', async () => {
  const client = new OAuthClient(service.url, 'zone-1', 'app-1', { clientSecret: 'x' })
  let raised = false
  service.token = ({ form }) => {
    if (form.has('challenge_id')) raised = true
    if (form.has('acr_values')) return raised ? issued() : service.pause({ challenge_id: 'c-1' })
    return issued({ access_token: raised ? 'strong' : 'weak' })
  }
  const token = async () => (await client.exchange('session', 'https://api.example')).accessToken
  const api = stepUpFetch({
    token,
    stepUp: async ({ acrValues, maxAge }) => {
      const onChallenge = ({ challengeId }: { challengeId: string }) => service.settle(challengeId, 'satisfied')
      await client.exchangeWithStepUp('session', undefined, { acrValues, maxAge, onChallenge })
      return token()
    },
  })
  expect((await api(`${service.url}/api`)).status).toBe(200)
  expect(service.to('/token')[1]?.form.get('acr_values')).toBe('aal2')
})
