import { CHALLENGE_TYPES, isAal, isChallengeType } from '@countersign/protocol'
import { type Static, Type } from 'typebox'
import { requireAdmin } from '../../authority/admin-tokens/authenticate.js'
import { unprocessable } from '../../authority/administration/checks.js'
import { findRow } from '../../authority/administration/rows.js'
import { exactly, Id, ItemParams } from '../../authority/administration/schemas.js'
import type { App } from '../../http/app.js'
import { notFound } from '../../http/problem.js'
import type { Clock } from '../../store/clock.js'
import type { Db } from '../../store/database.js'
import { type CompiledPolicySet, compilePolicySet } from '../compile.js'
import { describeDemand } from '../composition.js'
import type { PolicyDecision } from '../decision.js'
import { evaluateCompiled, explainCompiled } from '../evaluate.js'
import type { PolicyInput } from '../input.js'
import type { ResolvedChallenge } from '../proof.js'
import { checkMembers } from './members.js'
import { findSetVersion, latestSetVersions } from './queries.js'

const Simulate = exactly({
  version_id: Type.Optional(Type.String({ format: 'uuid', description: 'The newest by default.' })),
  input: Type.Record(Type.String(), Type.Unknown(), { description: 'What policy sees as `input`.' }),
})

const Demand = exactly({
  type: Type.Enum([...CHALLENGE_TYPES]),
  aal: Type.Optional(Type.String()),
  max_age: Type.Optional(Type.Integer()),
  approvals: Type.Optional(Type.Integer()),
  ttl_seconds: Type.Optional(Type.Integer()),
  reason: Type.Optional(Type.String()),
})

const Place = { line: Type.Integer(), column: Type.Integer() }
const Rule = exactly({
  policy: Type.String({ description: 'The name of the policy it stands in.' }),
  rule: Type.String({ description: 'Its path, as in `data.countersign.authz.allow`.' }),
  ...Place,
  fired: Type.Boolean(),
  value: Type.Optional(Type.Unknown()),
  failed_at: Type.Optional(exactly(Place)),
})

const Simulated = exactly({
  version_id: Id,
  decision: Type.Enum(['allow', 'deny'], { description: 'A step-up that is asked for is a deny.' }),
  evaluation_status: Type.String(),
  determining_policies: Type.Array(Type.String()),
  diagnostics: Type.Array(Type.Unknown()),
  step_up: Type.Array(Demand, { description: 'What would have to be proved first.' }),
  rules: Type.Array(Rule, { description: 'What was looked at, and which of it held.' }),
})

export interface SimulateDeps {
  readonly db: Db
  readonly clock: Clock
}

/** Evaluates a set version on an input that is given, and leaves no trace of it. */
export function simulateRoute(app: App, deps: SimulateDeps): void {
  app.post(
    '/v1/zones/:zone_id/policy-sets/:id/simulate',
    {
      onRequest: requireAdmin(['read', 'write']),
      schema: {
        tags: ['policy-sets'],
        summary: 'Say what a version of a policy set would decide for an input',
        params: ItemParams,
        body: Simulate,
        response: { 200: Simulated },
      },
    },
    async (request) => {
      const { zone_id: zoneId, id } = request.params
      if ((await findRow(deps.db, 'policy_sets', zoneId, id)) === undefined) throw notFound()
      const { version_id: versionId, input: given } = request.body
      const version =
        versionId === undefined
          ? (await latestSetVersions(deps.db, zoneId, [id])).get(id)
          : await findSetVersion(deps.db, zoneId, id, versionId)
      if (version === undefined)
        throw unprocessable('unknown_version', 'version_id names no version of this policy set')
      const compiled = compilePolicySet(await checkMembers(deps.db, zoneId, version.policy_versions))
      const now = instantOf(given, deps.clock.now())
      // What an author gives need not have the shape of an input; evaluation fails closed on what it does not find.
      const input = given as unknown as PolicyInput
      const decision = evaluateCompiled(compiled, input, proofsOf(given, now), now)
      return { version_id: version.id, ...toAnswer(decision), rules: rulesOf(compiled, input, now) }
    },
  )
}

function toAnswer(decision: PolicyDecision) {
  return {
    decision: decision.kind === 'allow' ? ('allow' as const) : ('deny' as const),
    evaluation_status: decision.status,
    determining_policies: [...decision.determining],
    diagnostics: [...decision.diagnostics],
    step_up: decision.kind === 'step_up' ? decision.demands.map(describeDemand) : [],
  }
}

/** The rules that were looked at, each once. */
function rulesOf(compiled: CompiledPolicySet, input: PolicyInput, now: number): Static<typeof Rule>[] {
  const rules = new Map<string, Static<typeof Rule>>()
  for (const { rule, file, line, column, fired, value, failedAt } of explainCompiled(compiled, input, now)) {
    const told = {
      policy: file,
      rule,
      line,
      column,
      fired,
      ...(fired && { value }),
      ...(failedAt && { failed_at: failedAt }),
    }
    rules.set(`${file}:${line}:${column}`, told)
  }
  return [...rules.values()]
}

type Members = { readonly [member: string]: unknown }

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Members)[name] : undefined
}

/** When the input says that it is. */
function instantOf(input: Members, now: number): number {
  const given = member(input.context, 'now')
  const at = typeof given === 'string' ? Date.parse(given) : Number.NaN
  return Number.isNaN(at) ? now : at
}

/** The resolved challenge that an input tells of, if it does. */
function proofsOf(input: Members, now: number): ResolvedChallenge[] {
  const challenge = member(input.context, 'challenge')
  const type = member(challenge, 'type')
  if (member(input.context, 'challenge_resolved') !== true || !isChallengeType(type)) return []
  const given = member(challenge, 'satisfied_at')
  const satisfiedAt = typeof given === 'string' && !Number.isNaN(Date.parse(given)) ? Date.parse(given) : now
  const aal = member(challenge, 'aal')
  return [
    {
      id: String(member(challenge, 'id') ?? ''),
      type,
      createdAt: satisfiedAt,
      satisfiedAt,
      aal: isAal(aal) ? aal : null,
      amr: texts(member(challenge, 'amr')),
      authTime: satisfiedAt,
      approvers: texts(member(challenge, 'approvers')),
    },
  ]
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
