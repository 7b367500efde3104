import type { Static } from 'typebox'
import type { App } from '../../http/app.js'
import { checkIfMatch, etagOf } from '../../http/etag.js'
import { notFound } from '../../http/problem.js'
import { Personal } from '../../ledger/event.js'
import type { ZoneSettings } from '../../store/tables.js'
import { requireAdmin } from '../admin-tokens/authenticate.js'
import { checkFetchable, unprocessable } from '../administration/checks.js'
import { type MutationDeps, mutateZone } from '../administration/mutate.js'
import { ZoneParams } from '../administration/schemas.js'
import { readSettings, writeSettings } from './queries.js'
import { ChangedSettings, LOOSEST, SAMPLED_ALLOWS, SettingsView, UpdateSettings } from './schemas.js'
import { newWebhookSecret, sealWebhookSecret } from './webhook-secret.js'

const path = '/v1/zones/:zone_id/settings'
const tags = ['settings']

type Body = Static<typeof UpdateSettings>

/** What a zone may tune: its webhook, assurance limits tighter than the standard's, how much its decisions leave. */
export function settingsRoutes(deps: MutationDeps & { readonly allowPrivateAddresses: boolean }) {
  return async (app: App): Promise<void> => {
    app.get(
      path,
      {
        onRequest: requireAdmin('read'),
        schema: { tags, summary: 'Read the settings of a zone', params: ZoneParams, response: { 200: SettingsView } },
      },
      async (request, reply) => {
        const stored = await readSettings(deps.db, request.params.zone_id)
        if (stored === undefined) throw notFound()
        reply.header('etag', etagOf(stored.version))
        return toView(stored.settings)
      },
    )

    app.patch(
      path,
      {
        onRequest: requireAdmin('write'),
        schema: {
          tags,
          summary: 'Change the settings of a zone; what is not named stays',
          params: ZoneParams,
          body: UpdateSettings,
          response: { 200: ChangedSettings },
        },
      },
      (request, reply) =>
        mutateZone(deps, request, reply, async ({ tx, zoneId, now }) => {
          const stored = await readSettings(tx, zoneId)
          if (stored === undefined) throw notFound()
          checkIfMatch(request, stored.version)
          const { body } = request
          const fields = Object.keys(body)
          if (fields.length === 0) return { body: toView(stored.settings), version: stored.version, event: null }
          const webhook = nextWebhook(body.webhook, stored.settings.webhook, zoneId)
          const settings: ZoneSettings = {
            ...(webhook.stored !== undefined && { webhook: webhook.stored }),
            assurance: nextAssurance(body.assurance, stored.settings.assurance),
            decisions: nextDecisions(body.decisions, stored.settings.decisions),
          }
          const { version } = await writeSettings(tx, zoneId, now, settings)
          const view = toView(settings)
          const shown = view.webhook !== null && webhook.secret !== undefined ? { secret: webhook.secret } : {}
          return {
            body: { ...view, webhook: view.webhook && { ...view.webhook, ...shown } },
            version,
            event: {
              type: 'settings.updated',
              fields,
              // As a commitment: services put secrets in the paths and queries of such addresses.
              webhook_url: view.webhook && new Personal(view.webhook.url),
              assurance: view.assurance,
              decisions: view.decisions,
            },
            changes: [{ kind: 'zone', id: zoneId }],
          }
        }),
    )
  }

  function nextWebhook(
    asked: Body['webhook'],
    held: ZoneSettings['webhook'],
    zoneId: string,
  ): { stored: ZoneSettings['webhook']; secret?: string } {
    if (asked === undefined) return { stored: held }
    if (asked === null) return { stored: undefined }
    checkFetchable(asked.url, 'webhook.url', deps.allowPrivateAddresses)
    if (asked.secret === undefined && held !== undefined) return { stored: { ...held, url: asked.url } }
    const secret = asked.secret ?? newWebhookSecret()
    const stored = { url: asked.url, secret_sealed: sealWebhookSecret(deps.sealer, zoneId, secret) }
    return asked.secret === undefined ? { stored, secret } : { stored }
  }
}

function toView(settings: ZoneSettings): Static<typeof SettingsView> {
  const held = settings.assurance ?? {}
  return {
    webhook: settings.webhook === undefined ? null : { url: settings.webhook.url },
    assurance: {
      aal2_max_age: held.aal2_max_age ?? LOOSEST.aal2_max_age,
      aal2_max_idle: held.aal2_max_idle ?? LOOSEST.aal2_max_idle,
      aal3_max_age: held.aal3_max_age ?? LOOSEST.aal3_max_age,
      aal3_max_idle: held.aal3_max_idle ?? LOOSEST.aal3_max_idle,
    },
    decisions: { sampled_allows: settings.decisions?.sampled_allows ?? SAMPLED_ALLOWS },
  }
}

function nextAssurance(asked: Body['assurance'], held: ZoneSettings['assurance'] = {}): ZoneSettings['assurance'] {
  const next: { -readonly [limit in keyof typeof LOOSEST]?: number } = {}
  for (const name of Object.keys(LOOSEST) as (keyof typeof LOOSEST)[]) {
    const value = asked?.[name] === undefined ? held[name] : asked[name]
    if (value === undefined || value === null) continue
    if (value > LOOSEST[name]) {
      throw unprocessable('assurance_loosened', `assurance.${name} may be at most ${LOOSEST[name]} seconds`)
    }
    next[name] = value
  }
  return next
}

function nextDecisions(asked: Body['decisions'], held: ZoneSettings['decisions']): ZoneSettings['decisions'] {
  const share = asked?.sampled_allows
  if (share === undefined) return held
  return share === null ? undefined : { sampled_allows: share }
}
