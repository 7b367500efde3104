import { JWT_BEARER } from '@countersign/protocol'
import { Type } from 'typebox'
import { Id } from '../administration/schemas.js'
import { MAX_TOKEN_LENGTH } from '../jws/compact.js'

/** The fields by which a form says of which zone and application it is, and that it is theirs, beside HTTP Basic. */
export const callerFields = {
  zone_id: Type.Optional(Type.String({ format: 'uuid', description: 'Needed where the path names no zone.' })),
  client_id: Type.Optional(
    Type.String({ format: 'uuid', description: 'The application; `application_id` is the same.' }),
  ),
  application_id: Type.Optional(Id),
  client_secret: Type.Optional(Type.String({ description: 'Instead of HTTP Basic.' })),
  client_assertion: Type.Optional(
    Type.String({
      maxLength: MAX_TOKEN_LENGTH,
      description: "A JWT (RFC 7523) with the zone's issuer as its only audience; used once.",
    }),
  ),
  client_assertion_type: Type.Optional(Type.Literal(JWT_BEARER)),
}
