/** Who someone is, compared whole: a user is `(issuer, id)`, never `id` alone. */
export interface Identity {
  readonly kind: 'user' | 'application' | 'agent'
  readonly issuer?: string
  readonly id: string
}

/** Whether two identities are the same: every part, including an absent issuer. */
export function sameIdentity(a: Identity, b: Identity): boolean {
  return a.kind === b.kind && a.id === b.id && a.issuer === b.issuer
}

/** A string that two identities share exactly when {@link sameIdentity} holds; for map keys and database columns. */
export function identityKey(identity: Identity): string {
  return JSON.stringify([identity.kind, identity.issuer ?? null, identity.id])
}
