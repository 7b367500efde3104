import { JWT_BEARER } from '@countersign/protocol'
import { Type } from 'typebox'
import { type Form, field } from '../../http/form.js'
import { OAuthError } from '../../http/oauth-error.js'
import { isId } from '../../store/ids.js'
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

/**
 * The zone that a form or its path names.
 *
 * @throws OAuthError `invalid_request`
 */
export function readZoneId(form: Form, inPath: string | undefined): string {
  const zoneId = sameOrOne('zone_id', field(form, 'zone_id'), 'the zone in the path', inPath)
  if (zoneId === undefined) throw new OAuthError('invalid_request', 'zone_id is missing')
  if (!isId(zoneId)) throw noSuchZone()
  return zoneId
}

/** A zone that does not exist, or an id that is none. */
export function noSuchZone(): OAuthError {
  return new OAuthError('invalid_request', 'zone_id is not a zone of this service')
}

/**
 * The application that a form names, unproven.
 *
 * @throws OAuthError `invalid_request`
 */
export function readClientId(form: Form): string | undefined {
  return sameOrOne('client_id', field(form, 'client_id'), 'application_id', field(form, 'application_id'))
}

function sameOrOne(nameA: string, a: string | undefined, nameB: string, b: string | undefined): string | undefined {
  if (a !== undefined && b !== undefined && a !== b) {
    throw new OAuthError('invalid_request', `${nameA} and ${nameB} differ`)
  }
  return a ?? b
}
