import { unprocessable } from '../../authority/administration/checks.js'
import type { Db, Tx } from '../../store/database.js'
import { faultsOfSet, refuseFaults } from '../policies/content.js'
import { findMembers, type Member } from './queries.js'

/** Modules and documents, as they are compiled. */
export interface SetContent {
  readonly modules: readonly { policyId: string; versionId: string; name: string; source: string }[]
  readonly documents: readonly {
    policyId: string
    versionId: string
    name: string
    path: string | null
    data: unknown
  }[]
}

/**
 * Reads the policies of a set version and checks that they can stand together.
 *
 * @throws ProblemError 422 `unknown_policy_version`, `policy_twice`, `invalid_policy`
 */
export async function checkMembers(db: Db | Tx, zoneId: string, versionIds: readonly string[]): Promise<SetContent> {
  const members = await findMembers(db, zoneId, versionIds)
  if (members.length < versionIds.length) {
    throw unprocessable('unknown_policy_version', 'policy_versions names no version of a policy of this zone')
  }
  if (new Set(members.map((member) => member.policyId)).size < members.length) {
    throw unprocessable('policy_twice', 'policy_versions names two versions of one policy')
  }
  const content = toContent(members)
  refuseFaults(faultsOfSet(content))
  return content
}

function toContent(members: readonly Member[]): SetContent {
  const content = { modules: [] as SetContent['modules'][number][], documents: [] as SetContent['documents'][number][] }
  for (const { policyId, versionId, name, path, source, data } of members) {
    if (source === null) content.documents.push({ policyId, versionId, name, path, data })
    else content.modules.push({ policyId, versionId, name, source })
  }
  return content
}
