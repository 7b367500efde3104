import { type Aal, type Identity, meetsAal, sameIdentity } from '@countersign/protocol'
import type { Capability } from '../../store/tables.js'
import type { AdminActor } from './authenticate.js'

/** What a creator asks of a new token; what is absent takes the creator's. */
export interface TokenWish {
  readonly capabilities: readonly Capability[]
  readonly zoneId?: string | undefined
  readonly maxAal?: Aal | undefined
  readonly owner?: Identity | undefined
  /** Milliseconds. */
  readonly expiresAt?: number | undefined
}

/** What a new token will be. */
export interface TokenStrength {
  readonly capabilities: readonly Capability[]
  readonly zoneId: string | null
  readonly maxAal: Aal | null
  readonly owner: Identity | null
  readonly expiresAt: number | null
}

export type Judged =
  | { readonly outcome: 'granted'; readonly token: TokenStrength }
  | { readonly outcome: 'foreign_zone' }
  | { readonly outcome: 'stronger'; readonly what: string }
  | { readonly outcome: 'unclear'; readonly code: 'max_aal_required' | 'max_aal_without_prove'; readonly what: string }

/**
 * Decides a wish for a token: nobody creates a token stronger than their own, in capabilities, zone, level, owner or
 * life. Only the bootstrap token, from which all authority comes, is bound by none of it.
 */
export function judgeToken(creator: AdminActor, wish: TokenWish): Judged {
  if (creator.zoneId !== null && wish.zoneId !== undefined && wish.zoneId !== creator.zoneId) {
    return { outcome: 'foreign_zone' }
  }
  const proves = wish.capabilities.includes('prove')
  if (proves && wish.maxAal === undefined) {
    return {
      outcome: 'unclear',
      code: 'max_aal_required',
      what: 'a token that proves needs max_aal, the highest level it may vouch for',
    }
  }
  if (!proves && wish.maxAal !== undefined) {
    return {
      outcome: 'unclear',
      code: 'max_aal_without_prove',
      what: 'max_aal is for tokens with the capability prove',
    }
  }
  const token: TokenStrength = {
    capabilities: [...new Set(wish.capabilities)],
    zoneId: wish.zoneId ?? creator.zoneId,
    maxAal: wish.maxAal ?? null,
    owner: wish.owner ?? creator.owner,
    expiresAt: wish.expiresAt ?? creator.expiresAt,
  }
  const what = creator.bootstrap ? undefined : excess(creator, token)
  return what === undefined ? { outcome: 'granted', token } : { outcome: 'stronger', what }
}

function excess(creator: AdminActor, token: TokenStrength): string | undefined {
  const missing = token.capabilities.find((capability) => !creator.capabilities.has(capability))
  if (missing !== undefined) return `your token lacks the capability ${missing}`
  if (token.maxAal !== null && (creator.maxAal === null || !meetsAal(creator.maxAal, token.maxAal))) {
    return 'max_aal is above that of your token'
  }
  if (creator.expiresAt !== null && (token.expiresAt === null || token.expiresAt > creator.expiresAt)) {
    return 'expires_at is after that of your token'
  }
  if (!creator.capabilities.has('manage_tokens') && !isSame(token.owner, creator.owner)) {
    return 'naming another owner needs the capability manage_tokens'
  }
  return undefined
}

function isSame(a: Identity | null, b: Identity | null): boolean {
  return a === null || b === null ? a === b : sameIdentity(a, b)
}
