import { randomBytes } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { App } from '../../http/app.js'
import { checkIfMatch, etagOf } from '../../http/etag.js'
import { PageQuery, pageOf, pageSchema, readPage } from '../../http/pagination.js'
import { notFound, ProblemError } from '../../http/problem.js'
import { newId } from '../../store/ids.js'
import { CAPABILITIES } from '../../store/tables.js'
import { futureInstant, unprocessable } from '../administration/checks.js'
import {
  type AdminEvent,
  type Mutation,
  type MutationDeps,
  mutateService,
  mutateZone,
} from '../administration/mutate.js'
import { toIdentity } from '../administration/schemas.js'
import { type AdminActor, adminActor, requireAdmin, sha256 } from './authenticate.js'
import { type AdminTokenRow, findToken, insertToken, listTokens, updateToken } from './queries.js'
import { judgeToken, type TokenStrength } from './strength.js'
import { CreatedToken, CreateToken, eventOf, TokenView, toView, UpdateToken, versionOf } from './view.js'

const tags = ['admin-tokens']
const GLOBAL = '/v1/admin-tokens'
const ZONED = '/v1/zones/:zone_id/admin-tokens'

/** Admin tokens, of the whole service and of one zone. */
export function adminTokenRoutes(deps: MutationDeps) {
  return async (app: App): Promise<void> => {
    for (const collection of [GLOBAL, ZONED]) registerTokens(app, deps, collection)
  }
}

function registerTokens(app: App, deps: MutationDeps, collection: string): void {
  const item = `${collection}/:id`
  const where = collection === ZONED ? ' of a zone' : ''
  const params = Type.Object(collection === ZONED ? { zone_id: Type.String() } : {})
  const itemParams = Type.Object({ ...params.properties, id: Type.String() })

  app.post(
    collection,
    {
      onRequest: requireAdmin(['write', 'manage_tokens']),
      schema: {
        tags,
        summary: `Create an admin token${where}, no stronger than one's own`,
        params,
        body: CreateToken,
        response: { 201: CreatedToken },
      },
    },
    (request, reply) => {
      const { body } = request
      const pathZone = zoneOf(request)
      if (pathZone !== undefined && body.zone_id !== undefined && body.zone_id !== pathZone) throw notFound()
      const token = judged(adminActor(request), body, pathZone)
      const secret = `csat_${randomBytes(32).toString('base64url')}`
      return mutateToken(deps, request, reply, token.zoneId, async ({ tx, now, actor }) => {
        if (body.expires_at !== undefined) futureInstant(body.expires_at, now)
        const row = await insertToken(tx, {
          id: newId(now),
          zone_id: token.zoneId,
          name: body.name,
          hash: sha256(secret),
          capabilities: [...token.capabilities],
          max_aal: token.maxAal,
          owner: token.owner === null ? null : JSON.stringify(token.owner),
          created_by: actor.id,
          created_at: new Date(now),
          expires_at: token.expiresAt === null ? null : new Date(token.expiresAt),
        })
        return {
          status: 201,
          body: { ...toView(row), token: secret },
          version: versionOf(row),
          event: eventOf('created', row),
        }
      })
    },
  )

  app.get(
    collection,
    {
      onRequest: requireAdmin(['read', 'manage_tokens']),
      schema: {
        tags,
        summary: `List admin tokens${where}`,
        params,
        querystring: PageQuery,
        response: { 200: pageSchema(TokenView) },
      },
    },
    async (request) => {
      const page = readPage(request.query)
      const rows = await listTokens(deps.db, page, visibleZone(request))
      return pageOf(rows, page, (row) => row.id, toView)
    },
  )

  app.get(
    item,
    {
      onRequest: requireAdmin(['read', 'manage_tokens']),
      schema: { tags, summary: `Read an admin token${where}`, params: itemParams, response: { 200: TokenView } },
    },
    async (request, reply) => {
      const row = await findToken(deps.db, request.params.id, visibleZone(request))
      if (row === undefined) throw notFound()
      reply.header('etag', etagOf(versionOf(row)))
      return toView(row)
    },
  )

  app.patch(
    item,
    {
      onRequest: requireAdmin(['write', 'manage_tokens']),
      schema: {
        tags,
        summary: `Rename an admin token${where}`,
        params: itemParams,
        body: UpdateToken,
        response: { 200: TokenView },
      },
    },
    async (request, reply) => {
      const zoneId = await zoneOfToken(request, request.params.id)
      return mutateToken(deps, request, reply, zoneId, async ({ tx, actor }) => {
        const held = await changeable(tx, request, actor, request.params.id)
        const { name } = request.body
        if (name === undefined) return { body: toView(held), version: versionOf(held), event: null }
        const row = await updateToken(tx, held.id, { name })
        return { body: toView(row), version: versionOf(row), event: eventOf('updated', row) }
      })
    },
  )

  app.delete(
    item,
    {
      onRequest: requireAdmin(CAPABILITIES),
      schema: {
        tags,
        summary: `Revoke an admin token${where}: it ends at once`,
        params: itemParams,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const zoneId = await zoneOfToken(request, request.params.id)
      return mutateToken(deps, request, reply, zoneId, async ({ tx, now, actor }) => {
        const held = await changeable(tx, request, actor, request.params.id)
        const row = await updateToken(tx, held.id, { deleted_at: new Date(now) })
        return { event: eventOf('revoked', row) }
      })
    },
  )

  // A token that is gone was of no zone now: repeating its revocation finds the answer kept for the key, or 404.
  async function zoneOfToken(request: FastifyRequest, id: string): Promise<string | null> {
    const row = await findToken(deps.db, id, visibleZone(request))
    return row === undefined ? visibleZone(request) : row.zone_id
  }
}

/** Under the lock of the token's zone, or under none for a token of the whole service, which no ledger belongs to. */
function mutateToken<Body = void>(
  deps: MutationDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  zoneId: string | null,
  work: (mutation: Mutation) => Promise<{ status?: number; body?: Body; version?: string; event: AdminEvent | null }>,
): Promise<Body> {
  if (zoneId !== null) return mutateZone(deps, request, reply, work, zoneId)
  return mutateService(deps, request, reply, async (mutation) => {
    const { event, ...answer } = await work(mutation)
    if (event !== null)
      request.log.info({ event: event.type, actor: mutation.actor.id, token: event.admin_token_id }, 'administered')
    return answer
  })
}

function judged(creator: AdminActor, body: Static<typeof CreateToken>, pathZone: string | undefined): TokenStrength {
  const judgement = judgeToken(creator, {
    capabilities: body.capabilities,
    zoneId: pathZone ?? body.zone_id,
    maxAal: body.max_aal,
    owner: body.owner && toIdentity(body.owner),
    expiresAt: body.expires_at === undefined ? undefined : Date.parse(body.expires_at),
  })
  switch (judgement.outcome) {
    case 'granted':
      return judgement.token
    case 'foreign_zone':
      throw notFound()
    case 'stronger':
      throw new ProblemError(403, 'token_stronger_than_own', judgement.what)
    case 'unclear':
      throw unprocessable(judgement.code, judgement.what)
  }
}

/** A token whose holder may change it: itself, one it created, or any where it manages tokens. */
async function changeable(
  tx: Mutation['tx'],
  request: FastifyRequest,
  actor: AdminActor,
  id: string,
): Promise<AdminTokenRow> {
  const held = await findToken(tx, id, visibleZone(request))
  if (held === undefined) throw notFound()
  checkIfMatch(request, versionOf(held))
  if (!actor.capabilities.has('manage_tokens') && held.id !== actor.tokenId && held.created_by !== actor.id) {
    throw new ProblemError(403, 'missing_capability', "another's token needs the capability manage_tokens")
  }
  return held
}

function zoneOf(request: FastifyRequest): string | undefined {
  return (request.params as { readonly zone_id?: string }).zone_id
}

/** The zone whose tokens a request is about; null for every zone's and the service's. */
function visibleZone(request: FastifyRequest): string | null {
  return zoneOf(request) ?? adminActor(request).zoneId
}
