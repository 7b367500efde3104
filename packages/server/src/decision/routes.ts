import type { FastifyReply, FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import { ZoneParams } from '../authority/administration/schemas.js'
import type { Resource } from '../authority/snapshot.js'
import { type HttpAnswer, NO_STORE, sendAnswer } from '../http/answer.js'
import type { App } from '../http/app.js'
import { narrowCors } from '../http/cors.js'
import type { DirectRoute } from '../http/direct.js'
import { errorAnswer } from '../http/error-handler.js'
import { JSON_MEDIA_TYPE, readJson } from '../http/json.js'
import { type Page, type PageRequest, pageOf, readPage } from '../http/pagination.js'
import { traceIdOf } from '../http/trace-id.js'
import { describeOnly } from '../http/validation.js'
import { decisionJson } from './decision-json.js'
import type { DecisionOrigin, DecisionPoint } from './decision-point.js'
import { type Given, invalid, RESOURCE_TYPE, readDecisionRequest, readText, unwrap } from './request.js'
import { BatchBody, BatchView, CheckBody, CheckView, ListBody, ListView, MOST_CHECKS, MOST_LISTED } from './schemas.js'

const MOST_CURSOR = 4096

const tags = ['decisions']
const base = '/v1/zones/:zone_id/decisions'

/** The decision point's own endpoints: one question, many, and which resources. */
export function decisionRoutes(point: DecisionPoint): (app: App) => Promise<void> {
  return async (app) => {
    const check = async (origin: DecisionOrigin, body: unknown): Promise<HttpAnswer> => {
      const decision = await point.check(origin, readDecisionRequest(body))
      return { status: 200, headers: NO_STORE, json: `{"data":${decisionJson(decision)}}` }
    }
    const direct: DirectRoute = {
      types: [JSON_MEDIA_TYPE],
      answer: ({ id, ip, headers, zoneId = '', body }) => {
        const { authorization } = headers
        const origin = { zoneId, authorization, requestId: id, traceId: traceIdOf(headers), ip }
        return check(origin, readJson(body))
      },
      failed: errorAnswer,
    }
    const { config, ...options } = asked('Ask whether a subject may do something', tags, CheckBody, CheckView)
    app.post(`${base}/check`, { ...options, config: { ...config, direct } }, async (request, reply) =>
      sendAnswer(reply, await check(originOf(request, reply), request.body)),
    )
    app.post(
      `${base}/check-batch`,
      asked(`Ask up to ${MOST_CHECKS} questions at once`, tags, BatchBody, BatchView),
      async (request, reply) => {
        const data = await point.checkEach(originOf(request, reply), readChecks(request.body).map(readDecisionRequest))
        return reply.header('cache-control', 'no-store').send({ data })
      },
    )
    app.post(
      `${base}/list-resources`,
      asked('List the resources on which a subject may do something now', tags, ListBody, ListView),
      async (request, reply) => {
        const given = unwrap(request.body)
        const type = readText(given, 'resource_type')
        const page = readListPage(given)
        const question = readDecisionRequest({ ...given, resource: null })
        const listed = await point.listResources(originOf(request, reply), question, page)
        const { items, next_cursor } = pageOfType(listed.resources, page, type)
        return reply.header('cache-control', 'no-store').send({
          data: { resources: items, policy_version: listed.policyVersion, next_cursor },
        })
      },
    )
  }
}

/** What the routes of the decision point have in common. Their bodies come in several shapes, read by the handlers. */
export function asked(summary: string, tags: string[], body: TSchema, view: TSchema, inZone = true) {
  return {
    config: { cors: true },
    validatorCompiler: describeOnly,
    schema: {
      tags,
      summary,
      security: [{ application: [] }, { session: [] }],
      ...(inZone ? { params: ZoneParams } : {}),
      body,
      response: { 200: view },
    },
  }
}

/** Who asks, as the request says; the zone is the path's unless it names none. */
export function originOf(
  request: FastifyRequest,
  reply: FastifyReply,
  zoneId = (request.params as { zone_id?: string }).zone_id ?? '',
): DecisionOrigin {
  return {
    zoneId,
    authorization: request.headers.authorization,
    requestId: request.id,
    traceId: traceIdOf(request.headers),
    ip: request.ip,
    onCaller: ({ origins }) => narrowCors(request, reply, origins),
  }
}

function readChecks(body: unknown): unknown[] {
  const given = Array.isArray(body) ? body : unwrap(body).checks
  if (!Array.isArray(given)) invalid('checks is a list of questions')
  if (given.length === 0 || given.length > MOST_CHECKS) invalid(`a batch has between 1 and ${MOST_CHECKS} checks`)
  return given
}

/**
 * Where a list of resources begins and how long it may be.
 *
 * @throws ProblemError 400 `invalid_body` or `invalid_cursor`
 */
export function readListPage(given: Given): PageRequest {
  const cursor = readText(given, 'cursor', MOST_CURSOR)
  const limit = given.limit ?? 100
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1 || limit > MOST_LISTED) {
    invalid(`limit is a whole number between 1 and ${MOST_LISTED}`)
  }
  return readPage({ limit, ...(cursor === undefined || cursor === '' ? {} : { cursor }) }, (key) => key !== '')
}

/** A page of resources as they are named on the wire; none of any other type than the one that all of them have. */
export function pageOfType(
  resources: readonly Resource[],
  page: PageRequest,
  type: string | undefined,
): Page<{ type: string; id: string }> {
  const rows = type === undefined || type === RESOURCE_TYPE ? resources : []
  return pageOf(
    rows,
    page,
    ({ identifier }) => identifier,
    ({ identifier }) => ({ type: RESOURCE_TYPE, id: identifier }),
  )
}
