import { AALS, CHALLENGE_TYPES } from '@countersign/protocol'
import { type TSchema, Type } from 'typebox'
import { AalSchema, nullable } from '../authority/administration/schemas.js'
import { MOST_CHARACTERS } from './request.js'

/** What one request may ask at once. */
export const MOST_CHECKS = 100
/** Resources a page. */
export const MOST_LISTED = 500

// These describe: what is taken is what `request.ts` and `evaluation.ts` read, envelope or flat, and they word what is wrong.
const text = (description: string) => Type.String({ maxLength: MOST_CHARACTERS, description })
const name = (description: string) => Type.String({ minLength: 1, maxLength: MOST_CHARACTERS, description })
const optional = <T extends TSchema>(schema: T) => Type.Optional(nullable(schema))
const ENVELOPE = 'The members as they stand here, or in an envelope: `{"data": {…}}`.'

const Subject = Type.Object({
  type: text('`user`, `application` or `agent`.'),
  id: name("The user's `sub`, or the id of an application."),
  issuer: Type.Optional(text('Whose user it is; needed where the zone trusts several issuers.')),
})
const ResourceRef = Type.Object({
  type: text('`Resource` for a registered one.'),
  id: text("A registered resource's identifier, or any name that policy knows."),
})
const question = {
  subject: Subject,
  permission: name("What the subject wants to do: a registered resource's scope, or any name that policy knows."),
  organization: optional(text('Given to policy as `context.organization`.')),
  application: optional(text('Given to policy as `context.application`.')),
  context: optional(
    Type.Record(Type.String(), Type.Unknown(), {
      description: "Given to policy as `context`. The service's own keys are refused: `reserved_context_key`.",
    }),
  ),
  current_aal: optional(
    Type.Enum([...AALS], {
      description: 'Believed only of a subject without a session that the service knows. Default `aal1`.',
    }),
  ),
}
const resource = optional(Type.Union([ResourceRef, text('The identifier of a registered resource.')]))
const explain = optional(Type.Boolean({ description: 'Whether to name the rules behind the answer.' }))

export const CheckBody = Type.Object({ ...question, resource, explain }, { description: ENVELOPE })
export const BatchBody = Type.Object(
  { checks: Type.Array(Type.Object(CheckBody.properties), { minItems: 1, maxItems: MOST_CHECKS }) },
  { description: `${ENVELOPE} Or the list alone.` },
)
export const ListBody = Type.Object(
  {
    ...question,
    resource_type: optional(text('Only resources of this type; all registered ones are of type `Resource`.')),
    limit: optional(Type.Integer({ minimum: 1, maximum: MOST_LISTED, default: 100 })),
    cursor: optional(Type.String({ description: 'The `next_cursor` of the page before.' })),
  },
  { description: ENVELOPE },
)

const Decision = Type.Object({
  allowed: Type.Boolean({
    description: 'Not a permission by itself: `allowed` with `requires_step_up` is a no until the step-up is done.',
  }),
  decision_id: Type.String({ description: 'The id of its event in the ledger, if it was recorded.' }),
  policy_version: Type.Integer({ description: 'Grows with every activation.' }),
  requires_step_up: Type.Boolean(),
  required_aal: nullable(AalSchema),
  max_age: nullable(Type.Integer({ description: 'Seconds since the user authenticated, at most.' })),
  aal_source: Type.Enum(['asserted', 'session', 'token'], {
    description: 'Where the level came from: `asserted` is the word of the caller.',
  }),
  challenge_type: nullable(Type.Enum([...CHALLENGE_TYPES])),
  matched: Type.Array(Type.Object({ type: Type.Enum(['policy', 'grant']), key: Type.String() }), {
    description: 'The determining policies, and the grant.',
  }),
  explanation: Type.Array(Type.String(), { description: 'Rules with file and line, when asked for.' }),
})
export const CheckView = Type.Object({ data: Decision })
export const BatchView = Type.Object({
  data: Type.Array(Decision, { description: 'One for each question, in their order.' }),
})
const Listed = Type.Object({ type: Type.Literal('Resource'), id: Type.String() })
export const ListView = Type.Object({
  data: Type.Object({
    resources: Type.Array(Listed),
    policy_version: Type.Integer(),
    next_cursor: nullable(Type.String()),
  }),
})

const entity = (description: string) =>
  Type.Object({
    type: text('As in a decision.'),
    id: text('As in a decision.'),
    properties: optional(Type.Record(Type.String(), Type.Unknown(), { description })),
  })
const access = {
  subject: entity('`issuer` says whose user it is; nothing else of it is read.'),
  action: Type.Object({
    name: name('The permission.'),
    properties: optional(Type.Record(Type.String(), Type.Unknown(), { description: 'Not read.' })),
  }),
  resource: entity('Not read.'),
  context: optional(
    Type.Record(Type.String(), Type.Unknown(), {
      description: 'Given to policy as `context`; `current_aal` counts as it does in a decision.',
    }),
  ),
}
const Access = Type.Object(access)
export const EvaluationBody = Access
export const EvaluationsBody = Type.Object({
  ...Type.Partial(Access).properties,
  evaluations: Type.Optional(
    Type.Array(Type.Partial(Access), {
      maxItems: MOST_CHECKS,
      description: 'What one leaves out, it has from beside the list. None at all: a single evaluation.',
    }),
  ),
  options: Type.Optional(
    Type.Object({
      evaluations_semantic: Type.Optional(
        Type.Enum(['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'], { default: 'execute_all' }),
      ),
    }),
  ),
})
export const SearchBody = Type.Object({
  ...access,
  resource: Type.Object({ type: text('`Resource`: others are not registered, so nothing is found.') }),
  page: optional(
    Type.Object({
      token: optional(Type.String({ description: 'The `next_token` of the page before.' })),
      limit: optional(Type.Integer({ minimum: 1, maximum: MOST_LISTED, default: 100 })),
    }),
  ),
})

export const Evaluation = Type.Object({
  decision: Type.Boolean({ description: 'False as long as a step-up is pending.' }),
  context: Type.Object({
    decision_id: Type.String(),
    policy_version: Type.Integer(),
    aal_source: Decision.properties.aal_source,
    requires_step_up: Type.Optional(Type.Literal(true)),
    challenge_type: Type.Optional(Type.Enum([...CHALLENGE_TYPES])),
    acr_values: Type.Optional(AalSchema),
    max_age: Type.Optional(Type.Integer()),
  }),
})
export const EvaluationsView = Type.Union([Type.Object({ evaluations: Type.Array(Evaluation) }), Evaluation])
export const SearchView = Type.Object({
  results: Type.Array(Listed),
  page: Type.Object({ next_token: Type.String({ description: 'Empty on the last page.' }) }),
})
export const MetadataView = Type.Object({
  policy_decision_point: Type.String(),
  access_evaluation_endpoint: Type.String(),
  access_evaluations_endpoint: Type.String(),
  search_resource_endpoint: Type.String(),
})
