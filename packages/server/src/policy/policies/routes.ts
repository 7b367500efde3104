import { Type } from 'typebox'
import { requireAdmin } from '../../authority/admin-tokens/authenticate.js'
import { unprocessable } from '../../authority/administration/checks.js'
import { type MutationDeps, mutateZone } from '../../authority/administration/mutate.js'
import { registerNoun } from '../../authority/administration/noun.js'
import { findRow, updateRow } from '../../authority/administration/rows.js'
import {
  exactly,
  Instant,
  ItemParams,
  nullable,
  toInstant,
  ZoneParams,
} from '../../authority/administration/schemas.js'
import type { App } from '../../http/app.js'
import { checkIfMatch } from '../../http/etag.js'
import { PageQuery, pageOf, pageSchema, readPage } from '../../http/pagination.js'
import { notFound } from '../../http/problem.js'
import { contentOf, faultsOf, refuseFaults } from './content.js'
import { addVersion, CreatePolicy, Data, policy, Source, toVersionView, VersionView } from './policy.js'
import { findVersion, latestVersions, listVersions } from './queries.js'

const Version = exactly({ ...VersionView.properties, created_at: Instant, created_by: Type.String() })
const VersionContent = exactly({ ...Version.properties, source: nullable(Source), data: Data })
const CreateVersion = exactly({ source: Type.Optional(Source), data: Type.Optional(Data) })
const Validate = exactly({ ...CreatePolicy.properties, name: Type.Optional(CreatePolicy.properties.name) })
const Validity = exactly({
  valid: Type.Boolean(),
  errors: Type.Array(
    exactly({ line: Type.Integer(), column: Type.Integer(), message: Type.String(), code: Type.String() }),
  ),
})

const tags = ['policies']
const collection = '/v1/zones/:zone_id/policies'
const versions = `${collection}/:id/versions`
const VersionParams = Type.Object({ ...ItemParams.properties, version_id: Type.String() })

/** Policies and their versions. */
export function policyRoutes(deps: MutationDeps) {
  return async (app: App): Promise<void> => {
    registerNoun(app, deps, policy)

    app.post(
      `${collection}/validate`,
      {
        onRequest: requireAdmin(['read', 'write']),
        schema: {
          tags,
          summary: 'Say what is wrong with a policy, without keeping it',
          params: ZoneParams,
          body: Validate,
          response: { 200: Validity },
        },
      },
      async (request) => {
        const { name, path, ...body } = request.body
        const errors = faultsOf(name ?? 'policy', contentOf(body), path ?? null)
        return {
          valid: errors.length === 0,
          errors: errors.map(({ line, column, message, code }) => ({ line, column, message, code })),
        }
      },
    )

    app.post(
      versions,
      {
        onRequest: requireAdmin('write'),
        schema: {
          tags,
          summary: 'Add a version to a policy; it takes effect in the sets that name it',
          params: ItemParams,
          body: CreateVersion,
          response: { 201: VersionView },
        },
      },
      (request, reply) =>
        mutateZone(deps, request, reply, async (mutation) => {
          const { tx, zoneId, now } = mutation
          const held = await findRow(tx, 'policies', zoneId, request.params.id)
          if (held === undefined) throw notFound()
          checkIfMatch(request, held.version)
          const content = contentOf(request.body)
          if (content.kind !== held.kind) {
            throw unprocessable('wrong_kind', `this policy is ${held.kind === 'rego' ? 'Rego' : 'a data document'}`)
          }
          refuseFaults(faultsOf(held.name, content, held.path))
          const latest = (await latestVersions(tx, zoneId, [held.id])).get(held.id)
          const version = await addVersion(mutation, held.id, (latest?.number ?? 0) + 1, content)
          await updateRow(tx, 'policies', { zoneId, id: held.id, now }, {})
          return {
            status: 201,
            body: toVersionView(version),
            event: {
              type: 'policy.version_created',
              policy_id: held.id,
              policy_version_id: version.id,
              number: version.number,
              sha256: version.sha256,
            },
          }
        }),
    )

    app.get(
      versions,
      {
        onRequest: requireAdmin('read'),
        schema: {
          tags,
          summary: 'List the versions of a policy',
          params: ItemParams,
          querystring: PageQuery,
          response: { 200: pageSchema(Version) },
        },
      },
      async (request) => {
        const { zone_id: zoneId, id } = request.params
        if ((await findRow(deps.db, 'policies', zoneId, id)) === undefined) throw notFound()
        const page = readPage(request.query)
        const rows = await listVersions(deps.db, zoneId, id, page)
        return pageOf(
          rows,
          page,
          (row) => row.id,
          (row) => ({ ...row, created_at: toInstant(row.created_at) }),
        )
      },
    )

    app.get(
      `${versions}/:version_id`,
      {
        onRequest: requireAdmin('read'),
        schema: {
          tags,
          summary: 'Read a version of a policy, with its content',
          params: VersionParams,
          response: { 200: VersionContent },
        },
      },
      async (request) => {
        const { zone_id: zoneId, id, version_id: versionId } = request.params
        if ((await findRow(deps.db, 'policies', zoneId, id)) === undefined) throw notFound()
        const row = await findVersion(deps.db, zoneId, id, versionId)
        if (row === undefined) throw notFound()
        const { source, data, created_at, created_by } = row
        return { ...toVersionView(row), source, data, created_at: toInstant(created_at), created_by }
      },
    )
  }
}
