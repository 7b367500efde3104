import type { FastifyReply, FastifyRequest } from 'fastify'
import { type TSchema, Type } from 'typebox'
import { requireAdmin } from '../authority/admin-tokens/authenticate.js'
import { type MutationDeps, mutateZone } from '../authority/administration/mutate.js'
import { exactly, Instant, toInstant, ZoneParams } from '../authority/administration/schemas.js'
import type { ZoneSnapshot } from '../authority/snapshot.js'
import type { App } from '../http/app.js'
import { FORM, fieldsOf, registerFormParser } from '../http/form.js'
import { answerOAuthError, OAuthErrorView } from '../http/oauth-error.js'
import { notFound, ProblemError } from '../http/problem.js'
import { publicly } from '../http/public.js'
import { describeOnly } from '../http/validation.js'
import { isId } from '../store/ids.js'
import { introspect } from './introspect.js'
import { JWKS_MAX_AGE } from './keys.js'
import { publishedKeys, serverMetadata } from './metadata.js'
import { type OAuthRequestDeps, readTokenQuestion } from './oauth-request.js'
import { revoke } from './revoke.js'
import { rotateKeys } from './rotate.js'
import { IntrospectionView, KeysView, MetadataView, QuestionForm } from './schemas.js'
import { Standings } from './standing.js'

const oauth = ['oauth']

/** Discovery, public keys, introspection and revocation. */
export function mandateRoutes(deps: OAuthRequestDeps): (app: App) => Promise<void> {
  return async (app) => {
    await app.register(discoveryRoutes(deps))
    await app.register(tokenRoutes(deps))
  }
}

/** What anyone may know of a zone: its endpoints and its public keys. */
function discoveryRoutes(deps: OAuthRequestDeps) {
  const zone = async (zoneId: string): Promise<ZoneSnapshot> => {
    const snapshot = isId(zoneId) ? await deps.snapshots.current(zoneId) : undefined
    if (snapshot === undefined) throw notFound()
    return snapshot
  }
  const keys = async (zoneId: string, reply: FastifyReply) => {
    const published = publishedKeys(await zone(zoneId), deps.clock.now())
    // Whoever keeps them knows a new key before it signs.
    return publicly(reply, JWKS_MAX_AGE).send(published)
  }

  return async (app: App): Promise<void> => {
    const metadata = '/.well-known/oauth-authorization-server'
    app.get(
      metadata,
      { schema: { tags: oauth, summary: 'Metadata of the service', response: { 200: MetadataView } } },
      async (_request, reply) => publicly(reply, JWKS_MAX_AGE).send(serverMetadata(deps.baseUrl)),
    )
    app.get(
      `${metadata}/zones/:zone_id`,
      {
        schema: {
          tags: oauth,
          summary: "Metadata of a zone's authorization server",
          params: ZoneParams,
          response: { 200: MetadataView },
        },
      },
      async (request, reply) => {
        const { zoneId } = await zone(request.params.zone_id)
        return publicly(reply, JWKS_MAX_AGE).send(serverMetadata(deps.baseUrl, zoneId))
      },
    )
    app.get(
      '/zones/:zone_id/.well-known/jwks.json',
      { schema: { tags: oauth, summary: "A zone's public keys", params: ZoneParams, response: { 200: KeysView } } },
      (request, reply) => keys(request.params.zone_id, reply),
    )
    app.get(
      '/.well-known/jwks.json',
      {
        schema: {
          tags: oauth,
          summary: "A zone's public keys",
          querystring: Type.Object({ zone_id: Type.Optional(Type.String()) }),
          response: { 200: KeysView },
        },
      },
      (request, reply) => {
        const { zone_id: zoneId } = request.query
        if (zoneId === undefined) throw new ProblemError(400, 'invalid_request', 'say which zone: ?zone_id=')
        return keys(zoneId, reply)
      },
    )
  }
}

function tokenRoutes(deps: OAuthRequestDeps) {
  const standings = new Standings(deps.db)
  const answerIntrospect = async (request: FastifyRequest, reply: FastifyReply) => {
    const question = await readTokenQuestion(deps, request, 'introspect')
    const answer = await introspect({ baseUrl: deps.baseUrl, standings }, question)
    return reply.header('cache-control', 'no-store').send(answer)
  }
  const answerRevoke = async (request: FastifyRequest, reply: FastifyReply) => {
    await revoke(deps, await readTokenQuestion(deps, request, 'revoke'))
    return reply.header('cache-control', 'no-store').send()
  }

  return async (app: App): Promise<void> => {
    registerFormParser(app, fieldsOf(QuestionForm))
    app.setErrorHandler(answerOAuthError)
    for (const [prefix, of] of [
      ['', 'the zone in the form'],
      ['/zones/:zone_id', 'the zone in the path'],
    ]) {
      const options = (summary: string, answer: TSchema) => ({
        validatorCompiler: describeOnly,
        schema: {
          tags: oauth,
          summary: `${summary}, ${of}`,
          security: [{ application: [] }, {}],
          consumes: [FORM],
          body: QuestionForm,
          response: { 200: answer, default: OAuthErrorView },
        },
      })
      const introspection = options('Introspect a mandate (RFC 7662)', IntrospectionView)
      app.post(`${prefix}/oauth/2/introspect`, introspection, answerIntrospect)
      app.post(
        `${prefix}/oauth/2/revoke`,
        options('Revoke a mandate (RFC 7009)', Type.Null({ description: 'Not in force, or no longer.' })),
        answerRevoke,
      )
    }
  }
}

const RotationView = exactly({
  kid: Type.String({ description: 'The key that signs from `signs_from` on; published already.' }),
  signs_from: Instant,
  retiring: Type.Array(exactly({ kid: Type.String(), published_until: Instant }), {
    description: 'The keys before it, which verify until they are withdrawn.',
  }),
})

/** Administration of signing keys. */
export function signingKeyRoutes(deps: MutationDeps): (app: App) => Promise<void> {
  return async (app) => {
    app.post(
      '/v1/zones/:zone_id/keys/rotate',
      {
        onRequest: requireAdmin('write'),
        schema: {
          tags: ['keys'],
          summary: 'Rotate the signing key; asked again before the new key signs, it is the same rotation',
          params: ZoneParams,
          response: { 200: RotationView },
        },
      },
      (request, reply) =>
        mutateZone(deps, request, reply, async ({ tx, zoneId, now }) => {
          const { created, next, retiring } = await rotateKeys(tx, deps.sealer, zoneId, now)
          const signsFrom = toInstant(next.signsFrom)
          const body = {
            kid: next.kid,
            signs_from: signsFrom,
            retiring: retiring.flatMap(({ kid, retiredAt }) =>
              retiredAt === null ? [] : [{ kid, published_until: toInstant(retiredAt) }],
            ),
          }
          if (!created) return { body, event: null }
          return {
            body,
            event: { type: 'key.rotated', kid: next.kid, signs_from: signsFrom, retiring: body.retiring },
            changes: [{ kind: 'key', id: next.kid }],
          }
        }),
    )
  }
}
