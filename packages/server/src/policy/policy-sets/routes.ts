import { Type } from 'typebox'
import { requireAdmin } from '../../authority/admin-tokens/authenticate.js'
import { unprocessable } from '../../authority/administration/checks.js'
import {
  type MutationDeps,
  mutateZone,
  type Outcome,
  type ZoneMutation,
} from '../../authority/administration/mutate.js'
import { registerNoun } from '../../authority/administration/noun.js'
import { findRow, type Row, updateRow } from '../../authority/administration/rows.js'
import { exactly, Id, Instant, ItemParams, toInstant } from '../../authority/administration/schemas.js'
import type { App } from '../../http/app.js'
import { checkIfMatch } from '../../http/etag.js'
import { PageQuery, pageOf, pageSchema, readPage } from '../../http/pagination.js'
import { notFound, ProblemError } from '../../http/problem.js'
import type { Db, Tx } from '../../store/database.js'
import { newId } from '../../store/ids.js'
import { checkMembers } from './members.js'
import { PolicyVersions, policySet, SetVersionView, toSetVersionView } from './policy-set.js'
import {
  activate,
  findSetVersion,
  insertSetVersion,
  latestSetVersions,
  listSetVersions,
  previousActivation,
  readActive,
  type SetVersionRow,
} from './queries.js'
import { simulateRoute } from './simulate.js'

const Version = exactly({ ...SetVersionView.properties, created_at: Instant, created_by: Type.String() })
const CreateVersion = exactly({ policy_versions: PolicyVersions })
const Activate = exactly({
  version_id: Type.Optional(Type.String({ format: 'uuid', description: 'The newest by default.' })),
})
const Activated = exactly({ active_version_id: Id, policy_version: Type.Integer({ minimum: 1 }) })
type Activation = { active_version_id: string; policy_version: number }

const tags = ['policy-sets']
const item = '/v1/zones/:zone_id/policy-sets/:id'

/** Policy sets, their versions, and which one is in force. */
export function policySetRoutes(deps: MutationDeps & Parameters<typeof simulateRoute>[1]) {
  return async (app: App): Promise<void> => {
    registerNoun(app, deps, policySet)
    simulateRoute(app, deps)

    app.post(
      `${item}/versions`,
      {
        onRequest: requireAdmin('write'),
        schema: {
          tags,
          summary: 'Add a version to a policy set; it is in force once activated',
          params: ItemParams,
          body: CreateVersion,
          response: { 201: SetVersionView },
        },
      },
      (request, reply) =>
        mutateZone(deps, request, reply, async ({ tx, zoneId, now, actor }) => {
          const held = await present(tx, zoneId, request.params.id)
          checkIfMatch(request, held.version)
          const { policy_versions: policyVersions } = request.body
          await checkMembers(tx, zoneId, policyVersions)
          const latest = (await latestSetVersions(tx, zoneId, [held.id])).get(held.id)
          const version = await insertSetVersion(tx, {
            zoneId,
            id: newId(now),
            setId: held.id,
            number: (latest?.number ?? 0) + 1,
            policyVersions,
            now,
            by: actor.id,
          })
          await updateRow(tx, 'policy_sets', { zoneId, id: held.id, now }, {})
          return {
            status: 201,
            body: toSetVersionView(version),
            event: {
              type: 'policy_set.version_created',
              policy_set_id: held.id,
              policy_set_version_id: version.id,
              number: version.number,
              policy_versions: policyVersions,
            },
          }
        }),
    )

    app.get(
      `${item}/versions`,
      {
        onRequest: requireAdmin('read'),
        schema: {
          tags,
          summary: 'List the versions of a policy set',
          params: ItemParams,
          querystring: PageQuery,
          response: { 200: pageSchema(Version) },
        },
      },
      async (request) => {
        const { zone_id: zoneId, id } = request.params
        await present(deps.db, zoneId, id)
        const page = readPage(request.query)
        const rows = await listSetVersions(deps.db, zoneId, id, page)
        return pageOf(rows, page, (row) => row.id, toVersion)
      },
    )

    app.get(
      `${item}/versions/:version_id`,
      {
        onRequest: requireAdmin('read'),
        schema: {
          tags,
          summary: 'Read a version of a policy set',
          params: Type.Object({ ...ItemParams.properties, version_id: Type.String() }),
          response: { 200: Version },
        },
      },
      async (request) => {
        const { zone_id: zoneId, id, version_id: versionId } = request.params
        await present(deps.db, zoneId, id)
        const row = await findSetVersion(deps.db, zoneId, id, versionId)
        if (row === undefined) throw notFound()
        return toVersion(row)
      },
    )

    app.post(
      `${item}/activate`,
      {
        onRequest: requireAdmin('write'),
        schema: {
          tags,
          summary: 'Put a version of a policy set in force; it is, everywhere, when this answers',
          params: ItemParams,
          body: Activate,
          response: { 200: Activated },
        },
      },
      (request, reply) =>
        mutateZone(deps, request, reply, async (mutation) => {
          const { tx, zoneId } = mutation
          const held = await present(tx, zoneId, request.params.id)
          checkIfMatch(request, held.version)
          const { version_id: versionId } = request.body
          const version =
            versionId === undefined
              ? (await latestSetVersions(tx, zoneId, [held.id])).get(held.id)
              : await findSetVersion(tx, zoneId, held.id, versionId)
          if (version === undefined)
            throw unprocessable('unknown_version', 'version_id names no version of this policy set')
          return putInForce(mutation, version, 'policy_set.activated')
        }),
    )

    app.post(
      `${item}/rollback`,
      {
        onRequest: requireAdmin('write'),
        schema: {
          tags,
          summary: 'Put the version in force that was before the active one',
          params: ItemParams,
          body: exactly({}),
          response: { 200: Activated },
        },
      },
      (request, reply) =>
        mutateZone(deps, request, reply, async (mutation) => {
          const { tx, zoneId } = mutation
          const held = await present(tx, zoneId, request.params.id)
          checkIfMatch(request, held.version)
          const active = await readActive(tx, zoneId)
          if (active === undefined || active.policy_set_id !== held.id || active.number === null) {
            throw new ProblemError(409, 'policy_set_not_in_force', 'this policy set is not in force; activate it')
          }
          const version = await previousActivation(tx, zoneId, held.id, active.number)
          if (version === undefined) {
            throw new ProblemError(409, 'nothing_to_roll_back_to', 'no earlier version of this policy set was in force')
          }
          return putInForce(mutation, version, 'policy_set.rolled_back')
        }),
    )
  }
}

async function putInForce(
  { tx, zoneId, now, actor }: ZoneMutation,
  version: SetVersionRow,
  type: string,
): Promise<Outcome<Activation>> {
  await checkMembers(tx, zoneId, version.policy_versions)
  const { policy_set_id: setId, id: versionId, number } = version
  const policyVersion = await activate(tx, { zoneId, setId, versionId, now, by: actor.id })
  return {
    body: { active_version_id: versionId, policy_version: policyVersion },
    event: { type, policy_set_id: setId, policy_set_version_id: versionId, number, policy_version: policyVersion },
    changes: [{ kind: 'policy', id: versionId }],
  }
}

async function present(db: Db | Tx, zoneId: string, id: string): Promise<Row<'policy_sets'>> {
  const row = await findRow(db, 'policy_sets', zoneId, id)
  if (row === undefined) throw notFound()
  return row
}

function toVersion(row: SetVersionRow) {
  return { ...toSetVersionView(row), created_at: toInstant(row.created_at), created_by: row.created_by }
}
