import { Type } from 'typebox'
import { type Noun, personalName } from '../../authority/administration/noun.js'
import { exactly, Id, Instant, Name, nullable, toInstant } from '../../authority/administration/schemas.js'
import { ProblemError } from '../../http/problem.js'
import { newId } from '../../store/ids.js'
import { checkMembers } from './members.js'
import { insertSetVersion, latestSetVersions, readActive, type SetVersionRow } from './queries.js'

export const PolicyVersions = Type.Array(Id, { maxItems: 500, uniqueItems: true })

export const SetVersionView = exactly({
  id: Id,
  number: Type.Integer({ minimum: 1 }),
  policy_versions: PolicyVersions,
})

const View = exactly({
  id: Id,
  name: Name,
  version: SetVersionView,
  active_version_id: nullable(Id),
  created_at: Instant,
  updated_at: Instant,
})

const Create = exactly({ name: Name, policy_versions: PolicyVersions })
const Update = exactly({ name: Type.Optional(Name) })

/** Policy sets: which versions of which policies stand together. One version of one set is in force. */
export const policySet: Noun<'policy_sets', typeof View, typeof Create, Record<never, never>, typeof Update> = {
  table: 'policy_sets',
  path: 'policy-sets',
  word: 'policy_set',
  kind: null,
  view: View,
  create: Create,
  update: Update,

  async views(db, zoneId, rows) {
    const versions = await latestSetVersions(
      db,
      zoneId,
      rows.map((row) => row.id),
    )
    const active = await readActive(db, zoneId)
    return rows.map((row) => ({
      id: row.id,
      name: row.name,
      version: toSetVersionView(versions.get(row.id)),
      active_version_id: active?.policy_set_id === row.id ? (active.active_set_version_id ?? null) : null,
      created_at: toInstant(row.created_at),
      updated_at: toInstant(row.updated_at),
    }))
  },

  details: personalName,

  async creating({ tx, zoneId, now, actor }, id, body) {
    await checkMembers(tx, zoneId, body.policy_versions)
    const version = await insertSetVersion(tx, {
      zoneId,
      id: newId(now),
      setId: id,
      number: 1,
      policyVersions: body.policy_versions,
      now,
      by: actor.id,
    })
    return {
      row: { name: body.name },
      details: { policy_set_version_id: version.id, policy_versions: body.policy_versions },
    }
  },

  async updating(_mutation, _row, body) {
    return body.name === undefined ? {} : { name: body.name }
  },

  async deleting({ tx, zoneId }, row) {
    if ((await readActive(tx, zoneId))?.policy_set_id === row.id) {
      throw new ProblemError(409, 'policy_set_in_force', 'this policy set is in force; activate another one first')
    }
    return []
  },
}

export function toSetVersionView(row: SetVersionRow | undefined) {
  if (row === undefined) throw new Error('a policy set without a version')
  return { id: row.id, number: row.number, policy_versions: row.policy_versions }
}
