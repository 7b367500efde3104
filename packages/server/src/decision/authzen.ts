import type { FastifyReply, FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import { issuerOf } from '../authority/snapshot.js'
import type { App } from '../http/app.js'
import { publicly } from '../http/public.js'
import type { DecisionPoint, Until } from './decision-point.js'
import { endsAt, readEvaluation, readEvaluations, readSemantic, toEvaluation } from './evaluation.js'
import { type DecisionRequest, readObject, readText, unwrap } from './request.js'
import { asked, originOf, pageOfType, readListPage } from './routes.js'
import {
  Evaluation,
  EvaluationBody,
  EvaluationsBody,
  EvaluationsView,
  MetadataView,
  SearchBody,
  SearchView,
} from './schemas.js'

const tags = ['authzen']
const METADATA_SECONDS = 300

/**
 * The AuthZEN Authorization API 1.0 of each zone, on the same decisions. A pending step-up is `decision: false`, with
 * what to ask of the user in its context.
 *
 * @see https://openid.net/specs/authorization-api-1_0.html
 */
export function authzenRoutes(point: DecisionPoint, baseUrl: string): (app: App) => Promise<void> {
  return async (app) => {
    evaluationRoutes(app, point, '', "of the caller's zone")
    evaluationRoutes(app, point, '/zones/:zone_id', 'of the zone in the path')
    for (const [zone, of] of [
      ['', 'of the service'],
      ['/zones/:zone_id', 'of a zone'],
    ]) {
      app.get(
        `/.well-known/authzen-configuration${zone}`,
        { schema: { tags, summary: `Metadata of the decision point ${of}`, response: { 200: MetadataView } } },
        async (request, reply) => {
          const { zone_id: zoneId } = request.params as { zone_id?: string }
          if (zoneId !== undefined) await point.requireZone(zoneId)
          const pdp = zoneId === undefined ? baseUrl : issuerOf(baseUrl, zoneId)
          return publicly(reply, METADATA_SECONDS).send({
            policy_decision_point: pdp,
            access_evaluation_endpoint: `${pdp}/access/v1/evaluation`,
            access_evaluations_endpoint: `${pdp}/access/v1/evaluations`,
            search_resource_endpoint: `${pdp}/access/v1/search/resource`,
          })
        },
      )
    }
  }
}

function evaluationRoutes(app: App, point: DecisionPoint, zone: string, of: string): void {
  const access = `${zone}/access/v1`
  const options = (summary: string, body: TSchema, view: TSchema) =>
    asked(`${summary}, ${of}`, tags, body, view, zone !== '')
  const origin = async (request: FastifyRequest, reply: FastifyReply) => {
    const { zone_id: zoneId } = request.params as { zone_id?: string }
    return originOf(request, reply, zoneId ?? (await point.zoneOf(request.headers.authorization)))
  }
  const evaluate = async (
    request: FastifyRequest,
    reply: FastifyReply,
    questions: readonly DecisionRequest[],
    until?: Until,
  ) => {
    const decisions = await point.checkEach(await origin(request, reply), questions, until)
    reply.header('cache-control', 'no-store')
    return decisions.map(toEvaluation)
  }

  app.post(
    `${access}/evaluation`,
    options('Evaluate one access request', EvaluationBody, Evaluation),
    async (request, reply) => {
      const [evaluation] = await evaluate(request, reply, [readEvaluation(unwrap(request.body))])
      return reply.send(evaluation)
    },
  )
  app.post(
    `${access}/evaluations`,
    options('Evaluate several access requests', EvaluationsBody, EvaluationsView),
    async (request, reply) => {
      const given = unwrap(request.body)
      const questions = readEvaluations(given)
      if (questions === undefined) {
        const [evaluation] = await evaluate(request, reply, [readEvaluation(given)])
        return reply.send(evaluation)
      }
      const semantic = readSemantic(given)
      const evaluations = await evaluate(request, reply, questions, (decision) => endsAt(semantic, decision))
      return reply.send({ evaluations })
    },
  )
  app.post(
    `${access}/search/resource`,
    options('Find the resources that a subject may act on', SearchBody, SearchView),
    async (request, reply) => {
      const given = unwrap(request.body)
      const { token, limit } = readObject(given, 'page') ?? {}
      const page = readListPage({ cursor: token, limit })
      const type = readText(readObject(given, 'resource') ?? {}, 'type')
      const question = readEvaluation({ ...given, resource: null })
      const listed = await point.listResources(await origin(request, reply), question, page)
      const { items, next_cursor } = pageOfType(listed.resources, page, type)
      return reply.header('cache-control', 'no-store').send({ results: items, page: { next_token: next_cursor ?? '' } })
    },
  )
}
