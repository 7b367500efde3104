import { CHALLENGE_STATES, type WaitResponse } from '@countersign/protocol'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { Id, Instant, ItemParams, toInstant } from '../../authority/administration/schemas.js'
import type { Bus } from '../../bus/bus.js'
import type { App } from '../../http/app.js'
import { bearerOf } from '../../http/bearer.js'
import { narrowCors } from '../../http/cors.js'
import { answerOAuthError, OAuthError, OAuthErrorView } from '../../http/oauth-error.js'
import type { Db } from '../../store/database.js'
import { isId } from '../../store/ids.js'
import { readChallenge } from '../queries.js'
import { cancelChallenge } from '../reject.js'
import { hashSecret, secretMatches } from '../secrets.js'
import { readOrigins } from './queries.js'
import { type Awaited, type WaitLimits, WaitRoom } from './room.js'

export interface ChallengeWaitDeps {
  readonly db: Db
  readonly bus: Bus
  readonly limits?: WaitLimits
}

const PATH = '/zones/:zone_id/oauth/2/challenges/:id'
const LONGEST_WAIT_SECONDS = 60

const Standing = Type.Object({
  id: Id,
  state: Type.Enum([...CHALLENGE_STATES]),
  expires_at: Instant,
})

/**
 * `GET /zones/{zone_id}/oauth/2/challenges/{id}?wait=25` waits for a challenge and `DELETE` there cancels it. Whoever
 * shows one of its secrets as the bearer may do both; any other answer is the same 404.
 */
export function challengeWaitRoutes(deps: ChallengeWaitDeps): (app: App) => Promise<void> {
  return async (app) => {
    const room = new WaitRoom(deps.db, deps.bus, deps.limits)
    // Before the server waits for its open requests: these would otherwise keep it for as long as they wait.
    app.addHook('preClose', async () => room.close())
    app.setErrorHandler(answerOAuthError)

    app.get(
      PATH,
      {
        config: { cors: true },
        schema: {
          summary: 'Wait for a challenge, with one of its secrets as the bearer',
          tags: ['oauth'],
          params: ItemParams,
          querystring: Type.Object({
            wait: Type.Optional(
              Type.String({
                description: `Seconds to wait, 0 to ${LONGEST_WAIT_SECONDS}; by default it does not wait.`,
              }),
            ),
          }),
          response: { 200: Standing, default: OAuthErrorView },
        },
      },
      async (request, reply) => {
        const ms = readWait(request.query.wait) * 1000
        return answer(room, await authorise(deps.db, request, reply, request.params), ms, reply)
      },
    )

    app.delete(
      PATH,
      {
        config: { cors: true },
        schema: {
          summary: 'Cancel a challenge, with one of its secrets as the bearer',
          tags: ['oauth'],
          params: ItemParams,
          response: { 200: Standing, default: OAuthErrorView },
        },
      },
      async (request, reply) => {
        const awaited = await authorise(deps.db, request, reply, request.params)
        await cancelChallenge(deps.db, awaited.zoneId, awaited.id)
        return answer(room, awaited, 0, reply)
      },
    )
  }
}

async function answer(room: WaitRoom, awaited: Awaited, ms: number, reply: FastifyReply): Promise<WaitResponse> {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  const ended = await room.wait(awaited, ms, gone.signal)
  switch (ended.end) {
    case 'full':
      throw ended.of === 'all'
        ? new OAuthError('temporarily_unavailable', 'too many requests wait on this node', { retryAfter: 5 })
        : new OAuthError('slow_down', 'too many requests of this application wait', { retryAfter: 5 })
    case 'gone':
      throw noSuchChallenge()
    case 'answered':
      reply.header('cache-control', 'no-store')
      // A connection kept alive would outlast the drain.
      if (room.draining) reply.header('connection', 'close')
      return {
        id: awaited.id,
        state: ended.standing.state,
        expires_at: toInstant(ended.standing.expiresAt),
      }
  }
}

/** The challenge that the bearer's secret is one of. Neither an unknown id nor a wrong secret says which it was. */
async function authorise(
  db: Db,
  request: FastifyRequest,
  reply: FastifyReply,
  params: { readonly zone_id: string; readonly id: string },
): Promise<Awaited> {
  const secret = bearerOf(request.headers.authorization)
  if (secret === undefined) {
    throw new OAuthError('invalid_request', 'send a secret of the challenge as Authorization: Bearer', { status: 401 })
  }
  const { zone_id: zoneId, id } = params
  if (!isId(zoneId)) throw noSuchChallenge()
  const { challenge } = await readChallenge(db, zoneId, id)
  if (!secretMatches(hashSecret(secret), challenge?.secretHashes ?? []) || challenge === undefined)
    throw noSuchChallenge()
  const { applicationId } = challenge
  const origins = await readOrigins(db, zoneId, applicationId)
  if (origins === undefined) throw noSuchChallenge()
  // The secret says which application asks, so no other's pages may read the answer.
  narrowCors(request, reply, origins)
  return { zoneId, id, applicationId }
}

function noSuchChallenge(): OAuthError {
  return new OAuthError('invalid_request', 'there is no challenge with this id and secret', { status: 404 })
}

function readWait(text: string | undefined): number {
  if (text === undefined) return 0
  const seconds = /^\d{1,3}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY
  if (seconds > LONGEST_WAIT_SECONDS) {
    throw new OAuthError('invalid_request', `wait must be a whole number of seconds, ${LONGEST_WAIT_SECONDS} at most`)
  }
  return seconds
}
