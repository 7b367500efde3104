import type { App } from '../../http/app.js'
import { checkIfMatch } from '../../http/etag.js'
import { notFound } from '../../http/problem.js'
import { requireAdmin } from '../admin-tokens/authenticate.js'
import { unprocessable } from '../administration/checks.js'
import { type MutationDeps, mutateZone } from '../administration/mutate.js'
import { registerNoun } from '../administration/noun.js'
import { findRow, updateRow } from '../administration/rows.js'
import { ItemParams, toInstant } from '../administration/schemas.js'
import { application } from './application.js'
import { endSecrets, insertSecret } from './queries.js'
import { DEFAULT_OVERLAP_SECONDS, RotatedSecret, RotateSecret } from './schemas.js'
import { newClientSecret } from './secret.js'

/** Applications of a zone, and the rotation of their secrets. */
export function applicationRoutes(deps: MutationDeps) {
  return async (app: App): Promise<void> => {
    registerNoun(app, deps, application)

    app.post(
      '/v1/zones/:zone_id/applications/:id/rotate-secret',
      {
        onRequest: requireAdmin('write'),
        schema: {
          tags: ['applications'],
          summary: 'Give an application a new secret; the ones before it end after an overlap',
          params: ItemParams,
          body: RotateSecret,
          response: { 200: RotatedSecret },
        },
      },
      (request, reply) =>
        mutateZone(deps, request, reply, async ({ tx, zoneId, now, actor }) => {
          const held = await findRow(tx, 'applications', zoneId, request.params.id)
          if (held === undefined) throw notFound()
          checkIfMatch(request, held.version)
          if (held.auth_method !== 'client_secret') {
            throw unprocessable(
              'no_client_secret',
              'this application authenticates by private_key_jwt; change its jwks',
            )
          }
          const end = now + (request.body.overlap_seconds ?? DEFAULT_OVERLAP_SECONDS) * 1000
          await endSecrets(tx, zoneId, held.id, end)
          const { secret, hash } = newClientSecret()
          await insertSecret(tx, zoneId, held.id, now, { hash, shownTo: actor.owner, expiresAt: null })
          const row = await updateRow(tx, 'applications', { zoneId, id: held.id, now }, {})
          return {
            body: { client_secret: secret, previous_expires_at: toInstant(end) },
            version: row.version,
            event: { type: 'application.secret_rotated', application_id: held.id, previous_expires_at: toInstant(end) },
            changes: [{ kind: 'application', id: held.id }],
          }
        }),
    )
  }
}
