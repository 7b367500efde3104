import { Type } from 'typebox'
import { callerFields } from '../authority/caller/fields.js'
import { MAX_TOKEN_LENGTH } from '../authority/jws/compact.js'

/** What introspection and revocation take. It describes: `oauth-request.ts` reads it and words what is wrong. */
export const QuestionForm = Type.Object({
  ...callerFields,
  token: Type.String({ maxLength: MAX_TOKEN_LENGTH, description: 'The mandate that is asked about.' }),
  token_type_hint: Type.Optional(Type.String({ description: 'Passed over: mandates tell what they are.' })),
})
