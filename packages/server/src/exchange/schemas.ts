import { CHALLENGE_TYPES, TOKEN_EXCHANGE, TOKEN_TYPES } from '@countersign/protocol'
import { type TSchema, Type } from 'typebox'
import { AalSchema, Id, Instant } from '../authority/administration/schemas.js'
import { callerFields } from '../authority/caller/fields.js'
import { MAX_TOKEN_LENGTH } from '../authority/jws/compact.js'
import { OAuthErrorView } from '../http/oauth-error.js'

// These describe: what is taken is what `request.ts` reads of the form, which words what is wrong.
const optional = <T extends TSchema>(schema: T) => Type.Optional(schema)
const text = (description: string, options: object = {}) => Type.String({ description, ...options })
const token = (description: string) => text(description, { maxLength: MAX_TOKEN_LENGTH })
const seconds = (minimum: number, description: string) =>
  Type.Integer({ minimum, description: `${description} Seconds.` })

const subjectTypes = [TOKEN_TYPES.accessToken, TOKEN_TYPES.jwt, TOKEN_TYPES.idToken]

export const TokenForm = Type.Object({
  grant_type: Type.Literal(TOKEN_EXCHANGE),
  ...callerFields,
  subject_token: optional(
    token("A session mandate, or a trusted issuer's token. Absent: the application acts for itself."),
  ),
  subject_token_type: optional(Type.Enum(subjectTypes)),
  actor_token: optional(token('A session mandate of whoever acts for the subject.')),
  actor_token_type: optional(Type.Enum([TOKEN_TYPES.accessToken, TOKEN_TYPES.jwt])),
  resource: optional(
    Type.Array(Type.String({ format: 'uri', maxLength: 2048 }), {
      maxItems: 16,
      description: 'Repeated for each. None: a session mandate.',
    }),
  ),
  audience: optional(
    Type.Array(Type.String(), { description: 'Refused with `invalid_target`: targets are named by `resource`.' }),
  ),
  scope: optional(text('At most 64, separated by spaces.')),
  session_id: optional(Id),
  agent_session_id: optional(Id),
  delegation_edge_id: optional(Id),
  challenge_id: optional(text('On a retry: the challenge that has been satisfied.')),
  challenge_response: optional(text('On a retry: its secret.')),
  ttl_seconds: optional(seconds(1, 'How long the mandate should live at most.')),
  requested_token_type: optional(Type.Enum([TOKEN_TYPES.accessToken, TOKEN_TYPES.jwt])),
  acr_values: optional(text('Without `resource`: raises the session to this level.')),
  max_age: optional(seconds(0, 'Without `resource`: raises the session to an authentication this fresh.')),
})

const Receipt = Type.Object({
  event_id: Type.String(),
  leaf_index: Type.Integer(),
  leaf_hash: Type.String({ description: 'SHA-256, hexadecimal.' }),
})

const TokenAnswer = Type.Object({
  access_token: Type.String({ description: 'The mandate, a JWT (RFC 9068).' }),
  issued_token_type: Type.String(),
  token_type: Type.Literal('Bearer'),
  expires_in: seconds(1, 'How long it lives.'),
  scope: Type.String(),
  target_resources: Type.Array(Type.String()),
  receipt: Receipt,
})

const Pause = Type.Object(
  {
    ...OAuthErrorView.properties,
    error: Type.Literal('interaction_required'),
    challenge_id: Id,
    challenge_type: Type.Enum([...CHALLENGE_TYPES]),
    challenge_secret: Type.Optional(
      Type.String({ description: 'Shown once; a retry that comes too early gets the pause without it.' }),
    ),
    challenge_expires_at: Instant,
    acr_values: Type.Optional(AalSchema),
    max_age: Type.Optional(Type.Integer()),
    challenge_uri: Type.Optional(Type.String({ description: 'A page where a person can act.' })),
    receipt: Type.Optional(Receipt),
  },
  { description: 'A pause: prove it, then send the same request again with the challenge and its secret.' },
)

/** The answers of the token endpoint. */
export const tokenAnswers = {
  200: TokenAnswer,
  401: Type.Union([Pause, OAuthErrorView]),
  default: OAuthErrorView,
}
