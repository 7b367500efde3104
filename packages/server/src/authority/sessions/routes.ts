import { AALS, type Identity } from '@countersign/protocol'
import { type Static, Type } from 'typebox'
import type { App } from '../../http/app.js'
import { checkIfMatch, etagOf } from '../../http/etag.js'
import { pageOf, pageQuery, pageSchema, readPage } from '../../http/pagination.js'
import { notFound, ProblemError } from '../../http/problem.js'
import { Personal } from '../../ledger/event.js'
import type { Clock } from '../../store/clock.js'
import type { Db, Tx } from '../../store/database.js'
import { subjectKey, type ZoneSettings } from '../../store/tables.js'
import { requireAdmin } from '../admin-tokens/authenticate.js'
import { unprocessable } from '../administration/checks.js'
import { type MutationDeps, mutateZone } from '../administration/mutate.js'
import {
  exactly,
  Id,
  Instant,
  ItemParams,
  nullable,
  toInstant,
  toInstantOrNull,
  Uri,
  ZoneParams,
} from '../administration/schemas.js'
import { currentAal } from '../assurance.js'
import { readSettings } from '../settings/queries.js'
import {
  findSession,
  listSessions,
  revokeSessionsOf,
  type SessionRow,
  type SessionStatus,
  setCutoff,
  setStatus,
} from './queries.js'

const Kind = Type.Enum(['user', 'application', 'agent'])
const Subject = Type.String({ minLength: 1, maxLength: 512 })
const Reason = Type.Optional(Type.String({ maxLength: 500, description: 'For the record; may be about a person.' }))

const SessionView = exactly({
  id: Id,
  kind: Kind,
  issuer: nullable(Uri),
  subject: Subject,
  application_id: Id,
  aal: Type.Enum([...AALS], {
    description: 'What it counts for now: what the server verified, less what has lapsed with age or idleness.',
  }),
  acr: nullable(Type.String()),
  amr: Type.Array(Type.String()),
  auth_time: nullable(Instant),
  status: Type.Enum(['active', 'suspended', 'revoked', 'expired']),
  status_reason: nullable(Type.String()),
  created_at: Instant,
  expires_at: Instant,
  last_used_at: Instant,
})

const Act = exactly({ reason: Reason })
const RevokeSubject = exactly({
  subject: exactly({
    kind: Type.Enum(['user', 'application']),
    issuer: Type.Optional(Uri),
    id: Subject,
  }),
  reason: Reason,
})
const RevokedSubject = exactly({ revoked_sessions: Type.Integer(), not_before: Instant })

const tags = ['sessions']
const collection = '/v1/zones/:zone_id/sessions'

/** What an act makes of a session in each status; absent where it cannot be done. */
const ACTS = {
  suspend: { event: 'session.suspended', from: { active: 'suspended', suspended: 'suspended' } },
  resume: { event: 'session.resumed', from: { suspended: 'active', active: 'active' } },
  revoke: { event: 'session.revoked', from: { active: 'revoked', suspended: 'revoked', revoked: 'revoked' } },
} as const satisfies {
  readonly [act: string]: {
    readonly event: string
    readonly from: { readonly [status in SessionStatus]?: SessionStatus }
  }
}

/** Sessions: seen, suspended, resumed and revoked; and whole subjects revoked. */
export function sessionRoutes(deps: MutationDeps & { readonly clock: Clock }) {
  const toView = (row: SessionRow, settings: ZoneSettings, now: number): Static<typeof SessionView> => ({
    id: row.id,
    kind: row.kind,
    issuer: row.issuer,
    subject: row.subject,
    application_id: row.application_id,
    aal: currentAal({ aal: row.aal, authTime: row.auth_time, lastUsedAt: row.last_used_at }, settings, now),
    acr: row.acr,
    amr: row.amr,
    auth_time: toInstantOrNull(row.auth_time),
    status: row.status === 'active' && row.expires_at <= now ? 'expired' : row.status,
    status_reason: row.status_reason,
    created_at: toInstant(row.created_at),
    expires_at: toInstant(row.expires_at),
    last_used_at: toInstant(row.last_used_at),
  })

  return async (app: App): Promise<void> => {
    app.get(
      collection,
      {
        onRequest: requireAdmin('read'),
        schema: {
          tags,
          summary: 'List sessions',
          params: ZoneParams,
          querystring: exactly({
            ...pageQuery,
            kind: Type.Optional(Kind),
            application_id: Type.Optional(Id),
            subject: Type.Optional(Subject),
          }),
          response: { 200: pageSchema(SessionView) },
        },
      },
      async (request) => {
        const { limit: _limit, cursor: _cursor, ...filter } = request.query
        const page = readPage(request.query)
        const rows = await listSessions(deps.db, request.params.zone_id, page, filter)
        const settings = await settingsOf(deps.db, request.params.zone_id)
        const now = deps.clock.now()
        return pageOf(
          rows,
          page,
          (row) => row.id,
          (row) => toView(row, settings, now),
        )
      },
    )

    app.get(
      `${collection}/:id`,
      {
        onRequest: requireAdmin('read'),
        schema: { tags, summary: 'Read a session', params: ItemParams, response: { 200: SessionView } },
      },
      async (request, reply) => {
        const row = await findSession(deps.db, request.params.zone_id, request.params.id)
        if (row === undefined) throw notFound()
        reply.header('etag', etagOf(row.version))
        return toView(row, await settingsOf(deps.db, request.params.zone_id), deps.clock.now())
      },
    )

    for (const [act, { event, from }] of Object.entries(ACTS)) {
      app.post(
        `${collection}/:id/${act}`,
        {
          onRequest: requireAdmin('write'),
          schema: {
            tags,
            summary: `${act[0]?.toUpperCase()}${act.slice(1)} a session`,
            params: ItemParams,
            body: Act,
            response: { 200: SessionView },
          },
        },
        (request, reply) =>
          mutateZone(deps, request, reply, async ({ tx, zoneId, now }) => {
            const held = await findSession(tx, zoneId, request.params.id)
            if (held === undefined) throw notFound()
            checkIfMatch(request, held.version)
            const settings = await settingsOf(tx, zoneId)
            const next = nextStatus(act, from, held)
            if (next === held.status) return { body: toView(held, settings, now), version: held.version, event: null }
            const reason = request.body.reason ?? null
            const row = await setStatus(tx, zoneId, held.id, next, reason)
            return {
              body: toView(row, settings, now),
              version: row.version,
              event: { type: event, session_id: row.id, reason: reason === null ? undefined : new Personal(reason) },
            }
          }),
      )
    }

    app.post(
      '/v1/zones/:zone_id/subjects/revoke',
      {
        onRequest: requireAdmin('write'),
        schema: {
          tags,
          summary: 'Revoke every session of a subject, and refuse the tokens issued to it until now',
          params: ZoneParams,
          body: RevokeSubject,
          response: { 200: RevokedSubject },
        },
      },
      (request, reply) =>
        mutateZone(deps, request, reply, async ({ tx, zoneId, now }) => {
          const { subject, reason } = request.body
          if ((subject.kind === 'user') !== (subject.issuer !== undefined)) {
            throw unprocessable('invalid_subject', 'a user is named by issuer and id, an application by its id alone')
          }
          const key = subjectKey(subject.issuer ?? null, subject.id)
          await setCutoff(tx, zoneId, key, now)
          const revoked = await revokeSessionsOf(tx, zoneId, subject.kind, key, reason ?? null)
          return {
            body: { revoked_sessions: revoked, not_before: toInstant(now) },
            event: {
              type: 'subject.revoked',
              subject: new Personal({ ...subject } satisfies Partial<Identity>),
              revoked_sessions: revoked,
              reason: reason === undefined ? undefined : new Personal(reason),
            },
          }
        }),
    )
  }
}

async function settingsOf(db: Db | Tx, zoneId: string): Promise<ZoneSettings> {
  return (await readSettings(db, zoneId))?.settings ?? {}
}

function nextStatus(
  act: string,
  from: { readonly [status in SessionStatus]?: SessionStatus },
  held: SessionRow,
): SessionStatus {
  // An application without a subject token has this one session: to end its revocation is to let it work again.
  if (act === 'resume' && held.status === 'revoked' && held.kind === 'application') return 'active'
  const next = from[held.status]
  if (next === undefined)
    throw new ProblemError(409, 'session_revoked', 'revocation is final; the subject must start anew')
  return next
}
