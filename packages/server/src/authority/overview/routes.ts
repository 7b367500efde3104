import { Type } from 'typebox'
import type { App } from '../../http/app.js'
import { notFound } from '../../http/problem.js'
import type { Db } from '../../store/database.js'
import { requireAdmin } from '../admin-tokens/authenticate.js'
import { exactly, Id, nullable, ZoneParams } from '../administration/schemas.js'
import { readOverview } from './queries.js'

const count = Type.Integer({ minimum: 0 })
const OverviewView = exactly({
  revision: count,
  policy_version: count,
  active_set_version_id: nullable(Id),
  applications: count,
  subject_issuers: count,
  resources: count,
  grants: count,
  policies: count,
  policy_sets: count,
  active_sessions: Type.Integer({ minimum: 0, description: 'Counted up to 10,000.' }),
  pending_challenges: Type.Integer({ minimum: 0, description: 'Counted up to 10,000.' }),
  audit_events: count,
})

/** A zone at a glance. */
export function overviewRoutes(deps: { readonly db: Db }) {
  return async (app: App): Promise<void> => {
    app.get(
      '/v1/zones/:zone_id/overview',
      {
        onRequest: requireAdmin('read'),
        schema: {
          tags: ['zones'],
          summary: 'See a zone at a glance',
          params: ZoneParams,
          response: { 200: OverviewView },
        },
      },
      async (request) => {
        const overview = await readOverview(deps.db, request.params.zone_id)
        if (overview === undefined) throw notFound()
        return overview
      },
    )
  }
}
