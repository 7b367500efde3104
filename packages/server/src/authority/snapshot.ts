import type { Identity } from '@countersign/protocol'
import { BatchedRead } from '../store/batched-read.js'
import type { Db } from '../store/database.js'
import type { AalMapping, AuthMethod, JsonWebKeyRow, JwkSet, Upstream, ZoneSettings } from '../store/tables.js'
import { loadZone, readRevisions, updateZone } from './snapshot-queries.js'

export interface Application {
  readonly id: string
  readonly name: string
  readonly authMethod: AuthMethod
  readonly jwks: JwkSet | null
  readonly owner: Identity | null
  readonly labels: readonly string[]
  readonly origins: readonly string[]
  /** SHA-256 of each secret, and until when it counts (milliseconds). */
  readonly secrets: readonly { readonly hash: Buffer; readonly expiresAt: number | null }[]
  /** Everyone who was ever shown a secret. */
  readonly secretHolders: readonly Identity[]
}

export interface SubjectIssuer {
  readonly id: string
  readonly issuer: string
  readonly audience: string
  readonly jwksUri: string | null
  readonly jwks: JwkSet | null
  readonly aal: AalMapping
  readonly applications: readonly string[] | null
}

export interface Resource {
  readonly id: string
  readonly identifier: string
  readonly name: string
  readonly slug: string | null
  readonly scopes: readonly string[]
  readonly servedBy: string | null
  readonly upstream: Upstream | null
}

export interface Grant {
  readonly id: string
  readonly applicationId: string
  readonly resourceId: string
  readonly scopes: readonly string[]
  readonly subject: Identity | null
  readonly label: string | null
  readonly expiresAt: number | null
}

export interface SigningKey {
  /** The `kid`. */
  readonly id: string
  readonly publicJwk: JsonWebKeyRow
  readonly privateSealed: Buffer
  readonly createdAt: number
  readonly signsFrom: number
  readonly retiredAt: number | null
}

export interface PolicyModule {
  readonly policyId: string
  readonly versionId: string
  readonly name: string
  readonly source: string
}

export interface PolicyDocument {
  readonly policyId: string
  readonly versionId: string
  readonly name: string
  readonly path: string | null
  readonly data: unknown
}

export interface ActivePolicySet {
  readonly setVersionId: string
  readonly policySetId: string
  readonly modules: readonly PolicyModule[]
  readonly documents: readonly PolicyDocument[]
}

/**
 * Everything slow-moving about a zone, as it stood at one revision. Immutable: a newer revision is another object, so
 * what is derived from a part (an imported key, a compiled policy) can hang on that part.
 */
export interface ZoneSnapshot {
  readonly zoneId: string
  readonly settings: ZoneSettings
  readonly revision: number
  readonly policyVersion: number
  readonly applications: ReadonlyMap<string, Application>
  readonly issuers: ReadonlyMap<string, readonly SubjectIssuer[]>
  readonly resources: ReadonlyMap<string, Resource>
  readonly resourcesById: ReadonlyMap<string, Resource>
  readonly grants: ReadonlyMap<string, readonly Grant[]>
  readonly policySet: ActivePolicySet | null
  readonly keys: readonly SigningKey[]
}

/** The issuer of a zone's mandates. */
export function issuerOf(baseUrl: string, zoneId: string): string {
  return `${baseUrl}/zones/${zoneId}`
}

/** Whether a zone still has what a session came from: its application, and for a user the issuer that vouched. */
export function hasOrigin(
  { applications, issuers }: ZoneSnapshot,
  { applicationId, issuer }: { readonly applicationId: string; readonly issuer: string | null },
): boolean {
  return applications.has(applicationId) && (issuer === null || issuers.has(issuer))
}

/**
 * The snapshots of this node. They may lag behind the database and nothing relies on them being fresh: a commit names
 * the revision it was computed from, and whatever is answered without a commit asks for {@link Snapshots.current}.
 */
export class Snapshots {
  readonly #zones = new Map<string, ZoneSnapshot>()
  readonly #revisions: BatchedRead<number>
  readonly #loads: BatchedRead<ZoneSnapshot>

  constructor(db: Db) {
    this.#revisions = new BatchedRead((zoneIds) => readRevisions(db, zoneIds))
    this.#loads = new BatchedRead((zoneIds) => this.#load(db, zoneIds))
  }

  /** The zone as this node last saw it; undefined when there is none. Reads the database only for a zone not seen yet. */
  get(zoneId: string): Promise<ZoneSnapshot | undefined> | ZoneSnapshot {
    return this.#zones.get(zoneId) ?? this.refresh(zoneId)
  }

  /**
   * The zone as it stands: one read of its revision, shared by everyone who asks at the same moment, and a refresh
   * when it has moved on.
   */
  async current(zoneId: string): Promise<ZoneSnapshot | undefined> {
    if (!this.#zones.has(zoneId)) return this.refresh(zoneId)
    const revision = await this.#revisions.ask(zoneId)
    const held = this.#zones.get(zoneId)
    // A refresh by somebody else may have overtaken the read: newer is as good.
    return held !== undefined && revision !== undefined && revision <= held.revision ? held : this.refresh(zoneId)
  }

  /** Brings the zone up to what the database holds now, or later. */
  refresh(zoneId: string): Promise<ZoneSnapshot | undefined> {
    return this.#loads.ask(zoneId)
  }

  /** Forgets everything, so that each zone is read again when it is next asked for. */
  clear(): void {
    this.#zones.clear()
  }

  /** Refreshes a zone if this node holds it, for news from other nodes. Errors wait for whoever needs the zone next. */
  hear(zoneId: string): void {
    if (this.#zones.has(zoneId)) this.refresh(zoneId).catch(() => this.#zones.delete(zoneId))
  }

  async #load(db: Db, zoneIds: readonly string[]): Promise<ReadonlyMap<string, ZoneSnapshot>> {
    const loaded = new Map<string, ZoneSnapshot>()
    // Anybody can ask for zones that do not exist: one look tells for all of them, so they are in nobody's way.
    const unseen = zoneIds.filter((zoneId) => !this.#zones.has(zoneId))
    const existing = unseen.length === 0 ? undefined : await readRevisions(db, unseen)
    for (const zoneId of zoneIds) {
      const held = this.#zones.get(zoneId)
      if (held === undefined && existing?.has(zoneId) !== true) continue
      const zone = held === undefined ? await loadZone(db, zoneId) : await updateZone(db, held)
      if (zone === undefined) this.#zones.delete(zoneId)
      else {
        this.#zones.set(zoneId, zone)
        loaded.set(zoneId, zone)
      }
    }
    return loaded
  }
}
