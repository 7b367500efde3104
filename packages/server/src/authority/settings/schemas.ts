import { Type } from 'typebox'
import { exactly, nullable, Uri } from '../administration/schemas.js'

const HOUR = 3600

/** A limit that a zone may tighten; what NIST SP 800-63B-4 allows is the loosest. */
const limit = (loosest: number, description: string) =>
  Type.Optional(
    nullable(Type.Integer({ minimum: 1, description: `${description} Seconds; null for the default, ${loosest}.` })),
  )

const AssuranceBody = exactly({
  aal2_max_age: limit(24 * HOUR, 'How long aal2 lasts after authentication.'),
  aal2_max_idle: limit(HOUR, 'How long aal2 lasts without use.'),
  aal3_max_age: limit(12 * HOUR, 'How long aal3 lasts after authentication.'),
  aal3_max_idle: limit(HOUR / 4, 'How long aal3 lasts without use.'),
})

/** Which share of the decisions that allow is recorded when a zone does not say. */
export const SAMPLED_ALLOWS = 0.01

const DecisionsBody = exactly({
  sampled_allows: Type.Optional(
    nullable(
      Type.Number({
        minimum: 0,
        maximum: 1,
        description: `Which share of the decisions that allow is recorded. Every other decision is. Null for the default, ${SAMPLED_ALLOWS}.`,
      }),
    ),
  ),
})

/** The loosest that each limit may be, in seconds. */
export const LOOSEST = {
  aal2_max_age: 24 * HOUR,
  aal2_max_idle: HOUR,
  aal3_max_age: 12 * HOUR,
  aal3_max_idle: HOUR / 4,
} as const

export const SettingsView = exactly({
  webhook: nullable(exactly({ url: Uri })),
  assurance: exactly({
    aal2_max_age: Type.Integer(),
    aal2_max_idle: Type.Integer(),
    aal3_max_age: Type.Integer(),
    aal3_max_idle: Type.Integer(),
  }),
  decisions: exactly({ sampled_allows: Type.Number() }),
})

export const ChangedSettings = exactly({
  ...SettingsView.properties,
  webhook: nullable(
    exactly({
      url: Uri,
      secret: Type.Optional(Type.String({ description: 'There when it was made here; never shown again.' })),
    }),
  ),
})

export const UpdateSettings = exactly({
  webhook: Type.Optional(
    nullable(
      exactly({
        url: Uri,
        secret: Type.Optional(
          Type.String({
            pattern: '^[\\x21-\\x7e]{32,256}$',
            description:
              'Signs what is sent. Without one, a webhook keeps the secret it has, and a new one is given one.',
          }),
        ),
      }),
    ),
  ),
  assurance: Type.Optional(AssuranceBody),
  decisions: Type.Optional(DecisionsBody),
})
