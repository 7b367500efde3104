import { type DecisionData, isGranted } from '@countersign/protocol'
import type { FastifyRequest } from 'fastify'
import { issuerOf } from '../authority/snapshot.js'
import type { App } from '../http/app.js'
import type { DecisionPoint } from './decision-point.js'
import {
  type DecisionRequest,
  type Given,
  invalid,
  RESOURCE_TYPE,
  readDecisionRequest,
  readObject,
  readText,
  unwrap,
} from './request.js'
import { decisionOrigin, readListPage } from './routes.js'

const MOST_EVALUATIONS = 100
const SEMANTICS = ['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'] as const

const tags = ['authzen']

/**
 * The AuthZEN Authorization API 1.0 of each zone, on the same decisions. A pending step-up is `decision: false`, with
 * what to ask of the user in its context.
 *
 * @see https://openid.net/specs/authorization-api-1_0.html
 */
export function authzenRoutes(point: DecisionPoint, baseUrl: string): (app: App) => Promise<void> {
  return async (app) => {
    for (const access of ['/access/v1', '/zones/:zone_id/access/v1']) evaluationRoutes(app, point, access)
    for (const zone of ['', '/zones/:zone_id']) {
      app.get(
        `/.well-known/authzen-configuration${zone}`,
        { config: { cors: true }, schema: { tags, summary: 'Metadata of a decision point' } },
        async (request) => {
          const { zone_id: zoneId } = request.params as { zone_id?: string }
          const pdp = zoneId === undefined ? baseUrl : issuerOf(baseUrl, zoneId)
          return {
            policy_decision_point: pdp,
            access_evaluation_endpoint: `${pdp}/access/v1/evaluation`,
            access_evaluations_endpoint: `${pdp}/access/v1/evaluations`,
            search_resource_endpoint: `${pdp}/access/v1/search/resource`,
          }
        },
      )
    }
  }
}

function evaluationRoutes(app: App, point: DecisionPoint, access: string): void {
  const origin = async (request: FastifyRequest) => {
    const { zone_id: zoneId } = request.params as { zone_id?: string }
    return decisionOrigin(request, zoneId ?? (await point.zoneOf(request.headers.authorization)))
  }
  const evaluate = async (request: FastifyRequest, questions: readonly DecisionRequest[]) =>
    (await point.check(await origin(request), questions)).map(toEvaluation)

  app.post(
    `${access}/evaluation`,
    { config: { cors: true }, schema: { tags, summary: 'Evaluate one access request' } },
    async (request) => {
      const [evaluation] = await evaluate(request, [readEvaluation(unwrap(request.body))])
      return evaluation
    },
  )
  app.post(
    `${access}/evaluations`,
    { config: { cors: true }, schema: { tags, summary: 'Evaluate several access requests' } },
    async (request) => {
      const given = unwrap(request.body)
      const { evaluations } = given
      if (evaluations === undefined || (Array.isArray(evaluations) && evaluations.length === 0)) {
        const [evaluation] = await evaluate(request, [readEvaluation(given)])
        return evaluation
      }
      return { evaluations: cutOff(await evaluate(request, readEvaluations(given, evaluations)), readSemantic(given)) }
    },
  )
  app.post(
    `${access}/search/resource`,
    { config: { cors: true }, schema: { tags, summary: 'Find the resources that a subject may act on' } },
    async (request) => {
      const given = unwrap(request.body)
      const page = readObject(given, 'page') ?? {}
      const type = readText(readObject(given, 'resource') ?? {}, 'type')
      const question = readEvaluation({ ...given, resource: null })
      const listed = await point.listResources(
        await origin(request),
        question,
        readListPage({ cursor: page.token, limit: page.limit }),
      )
      const known = type === undefined || type === RESOURCE_TYPE
      return {
        results: known ? listed.resources.map(({ identifier }) => ({ type: RESOURCE_TYPE, id: identifier })) : [],
        page: {
          next_token: known && listed.nextAfter !== null ? Buffer.from(listed.nextAfter).toString('base64url') : '',
        },
      }
    },
  )
}

function readEvaluation(given: Given): DecisionRequest {
  const subject = readObject(given, 'subject') ?? invalid('subject is missing')
  const action = readObject(given, 'action') ?? invalid('action is missing')
  const { current_aal: currentAal, ...context } = readObject(given, 'context') ?? {}
  const resource = readObject(given, 'resource')
  return readDecisionRequest({
    subject: {
      type: subject.type,
      id: subject.id,
      issuer: readText(readObject(subject, 'properties') ?? {}, 'issuer'),
    },
    permission: readText(action, 'name') ?? invalid('action.name is missing'),
    resource: resource === undefined ? null : { type: resource.type, id: resource.id },
    context,
    current_aal: currentAal,
  })
}

// What the request says beside its evaluations stands for whatever one of them leaves out.
function readEvaluations(given: Given, evaluations: unknown): DecisionRequest[] {
  if (!Array.isArray(evaluations) || evaluations.length > MOST_EVALUATIONS)
    invalid(`evaluations is a list of at most ${MOST_EVALUATIONS}`)
  const { subject, action, resource, context } = given
  return evaluations.map((evaluation) => readEvaluation({ subject, action, resource, context, ...unwrap(evaluation) }))
}

function readSemantic(given: Given): (typeof SEMANTICS)[number] {
  const named = readText(readObject(given, 'options') ?? {}, 'evaluations_semantic') ?? 'execute_all'
  return (
    SEMANTICS.find((semantic) => semantic === named) ??
    invalid(`evaluations_semantic is one of ${SEMANTICS.join(', ')}`)
  )
}

interface Evaluation {
  readonly decision: boolean
  readonly context: { readonly [key: string]: unknown }
}

function cutOff(evaluations: readonly Evaluation[], semantic: (typeof SEMANTICS)[number]): readonly Evaluation[] {
  if (semantic === 'execute_all') return evaluations
  const last = evaluations.findIndex(({ decision }) => decision === (semantic === 'permit_on_first_permit'))
  return last === -1 ? evaluations : evaluations.slice(0, last + 1)
}

function toEvaluation(data: DecisionData): Evaluation {
  const { decision_id, policy_version, aal_source } = data
  const context = { decision_id, policy_version, aal_source }
  if (!data.requires_step_up) return { decision: isGranted(data), context }
  return {
    decision: false,
    context: {
      ...context,
      requires_step_up: true,
      challenge_type: data.challenge_type,
      ...(data.required_aal === null ? {} : { acr_values: data.required_aal }),
      ...(data.max_age === null ? {} : { max_age: data.max_age }),
    },
  }
}
