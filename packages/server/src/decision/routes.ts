import { Buffer } from 'node:buffer'
import type { FastifyRequest } from 'fastify'
import type { App } from '../http/app.js'
import { ProblemError } from '../http/problem.js'
import { traceIdOf } from '../http/trace-id.js'
import type { DecisionOrigin, DecisionPoint } from './decision-point.js'
import { type Given, invalid, RESOURCE_TYPE, readDecisionRequest, readText, unwrap } from './request.js'

const MOST_CHECKS = 100
const MOST_LISTED = 500
const DEFAULT_LISTED = 100

const tags = ['decisions']
const base = '/v1/zones/:zone_id/decisions'

/** The decision point's own endpoints: one question, many, and which resources. */
export function decisionRoutes(point: DecisionPoint): (app: App) => Promise<void> {
  return async (app) => {
    app.post(
      `${base}/check`,
      { config: { cors: true }, schema: { tags, summary: 'Ask whether a subject may do something' } },
      async (request, reply) => {
        const [data] = await point.check(decisionOrigin(request), [readDecisionRequest(request.body)])
        return reply.header('cache-control', 'no-store').send({ data })
      },
    )
    app.post(
      `${base}/check-batch`,
      { config: { cors: true }, schema: { tags, summary: `Ask up to ${MOST_CHECKS} questions at once` } },
      async (request, reply) => {
        const data = await point.check(decisionOrigin(request), readChecks(request.body).map(readDecisionRequest))
        return reply.header('cache-control', 'no-store').send({ data })
      },
    )
    app.post(
      `${base}/list-resources`,
      {
        config: { cors: true },
        schema: { tags, summary: 'List the resources on which a subject may do something now' },
      },
      async (request, reply) => {
        const given = unwrap(request.body)
        const type = readText(given, 'resource_type')
        const page = readListPage(given)
        const question = readDecisionRequest({ ...given, resource: null })
        const listed = await point.listResources(decisionOrigin(request), question, page)
        const known = type === undefined || type === RESOURCE_TYPE
        return reply.header('cache-control', 'no-store').send({
          data: {
            resources: known ? listed.resources.map(({ identifier }) => ({ type: RESOURCE_TYPE, id: identifier })) : [],
            policy_version: listed.policyVersion,
            next_cursor:
              known && listed.nextAfter !== null ? Buffer.from(listed.nextAfter).toString('base64url') : null,
          },
        })
      },
    )
  }
}

/** Who asks, as the request says. */
export function decisionOrigin(
  request: FastifyRequest,
  zoneId = (request.params as { zone_id?: string }).zone_id ?? '',
): DecisionOrigin {
  const { authorization } = request.headers
  return { zoneId, authorization, requestId: request.id, traceId: traceIdOf(request), ip: request.ip }
}

function readChecks(body: unknown): unknown[] {
  const given = Array.isArray(body) ? body : checksOf(unwrap(body))
  if (given.length === 0 || given.length > MOST_CHECKS) {
    throw new ProblemError(400, 'invalid_body', `a batch has between 1 and ${MOST_CHECKS} checks`)
  }
  return given
}

function checksOf(given: Given): unknown[] {
  return Array.isArray(given.checks) ? given.checks : invalid('checks is a list of questions')
}

/** Where a list of resources begins and how long it may be. */
export function readListPage(given: Given): { readonly after: string | null; readonly limit: number } {
  const cursor = readText(given, 'cursor')
  const limit = given.limit ?? DEFAULT_LISTED
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1 || limit > MOST_LISTED) {
    invalid(`limit is a whole number between 1 and ${MOST_LISTED}`)
  }
  return { after: cursor === undefined ? null : Buffer.from(cursor, 'base64url').toString('utf8'), limit }
}
