import { type Selectable, sql } from 'kysely'
import { type Db, prepared, type Statement, type Tx } from '../store/database.js'
import type {
  ApplicationSecretsTable,
  ApplicationsTable,
  ChangeKind,
  GrantsTable,
  ResourcesTable,
  SigningKeysTable,
  SubjectIssuersTable,
} from '../store/tables.js'
import type {
  ActivePolicySet,
  Application,
  Grant,
  PolicyDocument,
  PolicyModule,
  Resource,
  SigningKey,
  SubjectIssuer,
  ZoneSnapshot,
} from './snapshot.js'

// Beyond so many changed rows a reload costs less than picking them.
const MOST_CHANGES = 500

const READ_REVISIONS: Statement = {
  name: 'revisions',
  text: 'SELECT zone_id, revision FROM zone_heads WHERE zone_id = ANY ($1::uuid[])',
}

/** The revision of each zone that exists. */
export async function readRevisions(db: Db, zoneIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const rows = await prepared<{ zone_id: string; revision: number }>(db, READ_REVISIONS, [zoneIds])
  return new Map(rows.map((row) => [row.zone_id, row.revision]))
}

/** Reads a whole zone at one instant; undefined when it does not exist or was deleted. */
export function loadZone(db: Db, zoneId: string): Promise<ZoneSnapshot | undefined> {
  return atOneInstant(db, async (tx) => {
    const head = await readHead(tx, zoneId)
    if (head === undefined) return undefined
    const secrets = groupBy(await secretsOf(tx, zoneId), (secret) => secret.application_id)
    const applications = await live(tx, 'applications', zoneId).execute()
    const issuers = await live(tx, 'subject_issuers', zoneId).execute()
    const resources = await live(tx, 'resources', zoneId).execute()
    const grants = await live(tx, 'grants', zoneId).execute()
    return assemble(head, {
      applications: applications.map((row) => toApplication(row, secrets.get(row.id) ?? [])),
      issuers: issuers.map(toIssuer),
      resources: resources.map(toResource),
      grants: grants.map(toGrant),
      policySet: await readPolicySet(tx, zoneId, head.active_set_version_id),
      keys: await readKeys(tx, zoneId),
    })
  })
}

/** Applies what has changed since a snapshot; reads the whole zone when the list of changes no longer reaches back. */
export async function updateZone(db: Db, held: ZoneSnapshot): Promise<ZoneSnapshot | undefined> {
  const { zoneId } = held
  const updated = await atOneInstant(db, async (tx) => {
    const head = await readHead(tx, zoneId)
    if (head === undefined || head.revision === held.revision)
      return { snapshot: head === undefined ? undefined : held }
    const changes = await tx
      .selectFrom('zone_changes')
      .select(['revision', 'kind', 'id'])
      .where('zone_id', '=', zoneId)
      .where('revision', '>', held.revision)
      .limit(MOST_CHANGES + 1)
      .execute()
    const revisions = new Set(changes.map((change) => change.revision))
    if (changes.length > MOST_CHANGES || revisions.size !== head.revision - held.revision) return 'reload'
    const changed = (kind: ChangeKind): string[] => changes.filter((change) => change.kind === kind).map(({ id }) => id)

    const applicationIds = changed('application')
    const issuerIds = changed('issuer')
    const resourceIds = changed('resource')
    const grantIds = changed('grant')
    const secrets = groupBy(await secretsOf(tx, zoneId, applicationIds), (secret) => secret.application_id)
    const applications = await rowsById(tx, 'applications', zoneId, applicationIds)
    const issuers = await rowsById(tx, 'subject_issuers', zoneId, issuerIds)
    const resources = await rowsById(tx, 'resources', zoneId, resourceIds)
    const grants = await rowsById(tx, 'grants', zoneId, grantIds)
    const heldIssuers = [...held.issuers.values()].flat()
    const heldGrants = grantIds.length === 0 ? [] : [...held.grants.values()].flat()
    const snapshot = assemble(head, {
      applications: replace(
        [...held.applications.values()],
        applicationIds,
        applications.map((row) => toApplication(row, secrets.get(row.id) ?? [])),
      ),
      issuers: replace(heldIssuers, issuerIds, issuers.map(toIssuer)),
      resources: replace([...held.resourcesById.values()], resourceIds, resources.map(toResource)),
      grants: grantIds.length === 0 ? held.grants : replace(heldGrants, grantIds, grants.map(toGrant)),
      policySet:
        head.active_set_version_id === (held.policySet?.setVersionId ?? null)
          ? held.policySet
          : await readPolicySet(tx, zoneId, head.active_set_version_id),
      keys: changed('key').length === 0 ? held.keys : await readKeys(tx, zoneId),
    })
    return { snapshot }
  })
  return updated === 'reload' ? loadZone(db, zoneId) : updated.snapshot
}

function atOneInstant<T>(db: Db, read: (tx: Tx) => Promise<T>): Promise<T> {
  return db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(read)
}

async function readHead(tx: Tx, zoneId: string) {
  return tx
    .selectFrom('zones')
    .innerJoin('zone_heads', 'zone_heads.zone_id', 'zones.id')
    .select(['id', 'settings', 'revision', 'policy_version', 'active_set_version_id'])
    .where('zones.id', '=', zoneId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
}

type Head = NonNullable<Awaited<ReturnType<typeof readHead>>>

interface Parts {
  readonly applications: readonly Application[]
  readonly issuers: readonly SubjectIssuer[]
  readonly resources: readonly Resource[]
  readonly grants: readonly Grant[] | ReadonlyMap<string, readonly Grant[]>
  readonly policySet: ActivePolicySet | null
  readonly keys: readonly SigningKey[]
}

function assemble(head: Head, parts: Parts): ZoneSnapshot {
  return {
    zoneId: head.id,
    settings: head.settings,
    revision: head.revision,
    policyVersion: head.policy_version,
    applications: new Map(parts.applications.map((application) => [application.id, application])),
    issuers: groupBy(parts.issuers, (issuer) => issuer.issuer),
    resources: new Map(parts.resources.map((resource) => [resource.identifier, resource])),
    resourcesById: new Map(parts.resources.map((resource) => [resource.id, resource])),
    grants:
      parts.grants instanceof Map ? parts.grants : groupBy(parts.grants as Grant[], (grant) => grant.applicationId),
    policySet: parts.policySet,
    keys: parts.keys,
  }
}

type LiveTable = 'applications' | 'subject_issuers' | 'resources' | 'grants'

function live<T extends LiveTable>(tx: Tx, table: T, zoneId: string) {
  return tx
    .selectFrom(table as LiveTable)
    .selectAll()
    .where('zone_id', '=', zoneId)
    .where('deleted_at', 'is', null)
    .$castTo<Selectable<RowOf<T>>>()
}

type RowOf<T extends LiveTable> = T extends 'applications'
  ? ApplicationsTable
  : T extends 'subject_issuers'
    ? SubjectIssuersTable
    : T extends 'resources'
      ? ResourcesTable
      : GrantsTable

async function rowsById<T extends LiveTable>(tx: Tx, table: T, zoneId: string, ids: readonly string[]) {
  return ids.length === 0 ? [] : live(tx, table, zoneId).where('id', 'in', ids).execute()
}

function secretsOf(tx: Tx, zoneId: string, applicationIds?: readonly string[]) {
  if (applicationIds?.length === 0) return Promise.resolve([])
  return tx
    .selectFrom('application_secrets')
    .selectAll()
    .where('zone_id', '=', zoneId)
    .$if(applicationIds !== undefined, (query) => query.where('application_id', 'in', applicationIds ?? []))
    .execute()
}

function toApplication(
  row: Selectable<ApplicationsTable>,
  secrets: readonly Selectable<ApplicationSecretsTable>[],
): Application {
  return {
    id: row.id,
    name: row.name,
    authMethod: row.auth_method,
    jwks: row.jwks,
    owner: row.owner,
    labels: row.labels,
    origins: row.origins,
    secrets: secrets.map((secret) => ({ hash: secret.hash, expiresAt: secret.expires_at })),
    secretHolders: secrets.flatMap((secret) => (secret.shown_to === null ? [] : [secret.shown_to])),
  }
}

function toIssuer(row: Selectable<SubjectIssuersTable>): SubjectIssuer {
  const { id, issuer, audience, jwks, aal, applications } = row
  return { id, issuer, audience, jwksUri: row.jwks_uri, jwks, aal, applications }
}

function toResource(row: Selectable<ResourcesTable>): Resource {
  const { id, identifier, name, slug, scopes, upstream } = row
  return { id, identifier, name, slug, scopes, servedBy: row.served_by, upstream }
}

function toGrant(row: Selectable<GrantsTable>): Grant {
  const { id, scopes, subject, label } = row
  return {
    id,
    applicationId: row.application_id,
    resourceId: row.resource_id,
    scopes,
    subject,
    label,
    expiresAt: row.expires_at,
  }
}

async function readKeys(tx: Tx, zoneId: string): Promise<SigningKey[]> {
  const rows: Selectable<SigningKeysTable>[] = await tx
    .selectFrom('signing_keys')
    .selectAll()
    .where('zone_id', '=', zoneId)
    .orderBy('signs_from')
    .execute()
  return rows.map((row) => ({
    id: row.id,
    publicJwk: row.public_jwk,
    privateSealed: row.private_sealed,
    createdAt: row.created_at,
    signsFrom: row.signs_from,
    retiredAt: row.retired_at,
  }))
}

/** Reads the policies of one version of a set; null for none. */
export async function readPolicySet(
  tx: Tx | Db,
  zoneId: string,
  setVersionId: string | null,
): Promise<ActivePolicySet | null> {
  if (setVersionId === null) return null
  const set = await tx
    .selectFrom('policy_set_versions')
    .select(['policy_set_id', 'policy_versions'])
    .where('zone_id', '=', zoneId)
    .where('id', '=', setVersionId)
    .executeTakeFirst()
  if (set === undefined) return null
  const members = await tx
    .selectFrom('policy_versions as v')
    .innerJoin('policies as p', (join) => join.onRef('p.zone_id', '=', 'v.zone_id').onRef('p.id', '=', 'v.policy_id'))
    .select(['v.id', 'v.policy_id', 'p.name', 'p.path', 'v.source', 'v.data'])
    .where('v.zone_id', '=', zoneId)
    .where('v.id', '=', sql<string>`any(${set.policy_versions}::uuid[])`)
    .orderBy('p.name')
    .execute()
  const modules: PolicyModule[] = []
  const documents: PolicyDocument[] = []
  for (const member of members) {
    const { name, path, data, source } = member
    const ids = { policyId: member.policy_id, versionId: member.id }
    if (source === null) documents.push({ ...ids, name, path, data })
    else modules.push({ ...ids, name, source })
  }
  return { setVersionId, policySetId: set.policy_set_id, modules, documents }
}

function replace<T extends { readonly id: string }>(
  held: readonly T[],
  changed: readonly string[],
  rows: readonly T[],
): T[] {
  const gone = new Set(changed)
  return [...held.filter((item) => !gone.has(item.id)), ...rows]
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}
