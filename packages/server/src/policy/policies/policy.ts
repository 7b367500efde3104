import { Type } from 'typebox'
import type { Mutation } from '../../authority/administration/mutate.js'
import { type Noun, personalName } from '../../authority/administration/noun.js'
import { exactly, Id, Instant, Name, nullable, toInstant } from '../../authority/administration/schemas.js'
import { ProblemError } from '../../http/problem.js'
import { newId } from '../../store/ids.js'
import { type Content, contentOf, faultsOf, refuseFaults, sha256Of } from './content.js'
import { insertVersion, isInForce, latestVersions, type PolicyVersionRow } from './queries.js'

export const Source = Type.String({ minLength: 1, maxLength: 256 * 1024, description: 'Rego v1.' })
export const Data = Type.Unknown({ description: 'A JSON document.' })
const Path = Type.String({
  pattern: '^[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)*$',
  maxLength: 200,
  description: 'Where the document stands in `data`, dot-separated; without it, at the root.',
})

export const VersionView = exactly({
  id: Id,
  number: Type.Integer({ minimum: 1 }),
  sha256: Type.String({ description: 'Of the source, or of the canonical JSON of the document.' }),
})

const View = exactly({
  id: Id,
  name: Name,
  kind: Type.Enum(['rego', 'data']),
  path: nullable(Path),
  version: VersionView,
  created_at: Instant,
  updated_at: Instant,
})

export const CreatePolicy = exactly({
  name: Name,
  source: Type.Optional(Source),
  data: Type.Optional(Data),
  path: Type.Optional(Path),
})

const UpdatePolicy = exactly({ name: Type.Optional(Name) })

/** Policies: Rego modules and data documents. Their versions never change; sets name versions. */
export const policy: Noun<'policies', typeof View, typeof CreatePolicy, Record<never, never>, typeof UpdatePolicy> = {
  table: 'policies',
  path: 'policies',
  word: 'policy',
  kind: null,
  view: View,
  create: CreatePolicy,
  update: UpdatePolicy,

  async views(db, zoneId, rows) {
    const versions = await latestVersions(
      db,
      zoneId,
      rows.map((row) => row.id),
    )
    return rows.map((row) => ({
      id: row.id,
      name: row.name,
      kind: row.kind,
      path: row.path,
      version: toVersionView(versions.get(row.id)),
      created_at: toInstant(row.created_at),
      updated_at: toInstant(row.updated_at),
    }))
  },

  details(row) {
    return { ...personalName(row), kind: row.kind, path: row.path }
  },

  async creating(mutation, id, body) {
    const content = contentOf(body)
    const path = content.kind === 'data' ? (body.path ?? null) : null
    refuseFaults(faultsOf(body.name, content, path))
    const version = await addVersion(mutation, id, 1, content)
    return {
      row: { name: body.name, kind: content.kind, path },
      details: { policy_version_id: version.id, sha256: version.sha256 },
    }
  },

  async updating(_mutation, _row, body) {
    return body.name === undefined ? {} : { name: body.name }
  },

  async deleting({ tx, zoneId }, row) {
    if (await isInForce(tx, zoneId, row.id)) {
      throw new ProblemError(
        409,
        'policy_in_force',
        'the active policy set has this policy; activate one without it first',
      )
    }
    return []
  },
}

/** Writes a version of a policy; its number is the next. */
export function addVersion(
  { tx, zoneId, now, actor }: Mutation & { readonly zoneId: string },
  policyId: string,
  number: number,
  content: Content,
): Promise<PolicyVersionRow> {
  return insertVersion(tx, zoneId, {
    id: newId(now),
    policyId,
    number,
    source: content.kind === 'rego' ? content.source : null,
    data: content.kind === 'data' ? JSON.stringify(content.data) : null,
    sha256: sha256Of(content),
    now,
    by: actor.id,
  })
}

export function toVersionView(row: Pick<PolicyVersionRow, 'id' | 'number' | 'sha256'> | undefined) {
  if (row === undefined) throw new Error('a policy without a version')
  return { id: row.id, number: row.number, sha256: row.sha256 }
}
