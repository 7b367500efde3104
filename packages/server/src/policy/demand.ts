import { type Aal, CHALLENGE_TYPES, type ChallengeType, isAal, isChallengeType, maxAal } from '@countersign/protocol'
import { isStorable } from '../http/well-formed.js'
import type { Demand } from '../store/tables.js'

/** What policy demands before it allows. Ages and lives in seconds. */
export type StepUpDemand = MfaDemand | ApprovalDemand | AttestationDemand

/** That the user authenticates again. */
export interface MfaDemand extends Particulars {
  readonly type: 'mfa'
  /** The level to reach. */
  readonly aal: Aal
  /** How long ago the user may have authenticated. */
  readonly maxAge?: number
  /** Whether it must be since the challenge was made: so it is where no age is named, also once an age is merged in. */
  readonly again: boolean
}

/** That so many people approve. */
export interface ApprovalDemand extends Particulars {
  readonly type: 'human_approval'
  readonly approvals: number
}

/** That an attester vouches for the software. */
export interface AttestationDemand extends Particulars {
  readonly type: 'software_attestation'
}

interface Particulars {
  readonly ttlSeconds?: number
  readonly reason?: string
}

const KEYS: ReadonlySet<string> = new Set(['type', 'aal', 'max_age', 'approvals', 'ttl_seconds', 'reason', 'policy'])
/** How long a challenge lives when its demand does not say. */
const DEFAULT_TTL = 300
const MIN_TTL = 60
const MAX_TTL = 86_400
const MOST_APPROVALS = 16
const MOST_AGE = 31_536_000
const MOST_REASON = 500

/**
 * Reads what a policy put under `step_up_required`: a type, or an object with a type and its particulars.
 *
 * @returns undefined for anything malformed, unknown or meant for another type: then nothing is demanded, and denied
 * @example
 * ```ts
 * parseDemand('mfa')                                     // { type: 'mfa', aal: 'aal2', again: true }
 * parseDemand({ type: 'human_approval', approvals: 2 })  // { type: 'human_approval', approvals: 2 }
 * parseDemand({ type: 'mfa', approvals: 2 })             // undefined
 * ```
 */
export function parseDemand(value: unknown): StepUpDemand | undefined {
  if (typeof value === 'string') return parseDemand({ type: value })
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const given = value as { readonly [key: string]: unknown }
  if (!Object.keys(given).every((key) => KEYS.has(key))) return undefined
  const { type, aal, max_age: maxAge, approvals, ttl_seconds: ttlSeconds, reason } = given
  if (!isChallengeType(type)) return undefined
  if (aal !== undefined && !(type === 'mfa' && isAal(aal))) return undefined
  if (maxAge !== undefined && !(type === 'mfa' && isWhole(maxAge, 0, MOST_AGE))) return undefined
  if (approvals !== undefined && !(type === 'human_approval' && isWhole(approvals, 1, MOST_APPROVALS))) return undefined
  if (ttlSeconds !== undefined && !isWhole(ttlSeconds, MIN_TTL, MAX_TTL)) return undefined
  if (reason !== undefined && !isReason(reason)) return undefined
  const more = {
    ...(typeof ttlSeconds === 'number' ? { ttlSeconds } : {}),
    ...(typeof reason === 'string' ? { reason } : {}),
  }
  switch (type) {
    case 'mfa':
      // More than one factor is aal2 by definition.
      return { type, aal: isAal(aal) ? aal : 'aal2', ...recency(maxAge), ...more }
    case 'human_approval':
      return { type, approvals: typeof approvals === 'number' ? approvals : 1, ...more }
    case 'software_attestation':
      return { type, ...more }
  }
}

/** How recent an authentication must be: of an age that is named, or new. */
export function recency(maxAge: unknown): Pick<MfaDemand, 'maxAge' | 'again'> {
  return typeof maxAge === 'number' ? { maxAge, again: false } : { again: true }
}

/** How long a demand's challenge lives, in seconds. */
export function lifeOf({ ttlSeconds }: StepUpDemand): number {
  return ttlSeconds ?? DEFAULT_TTL
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
}

function isReason(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MOST_REASON && isStorable(value)
}

/** Merges demands into the strictest one of each type, in the order in which they are asked. */
export function mergeDemands(demands: readonly StepUpDemand[]): StepUpDemand[] {
  const merged = new Map<ChallengeType, StepUpDemand>()
  for (const demand of demands) {
    const held = merged.get(demand.type)
    merged.set(demand.type, held === undefined ? demand : stricter(held, demand))
  }
  return CHALLENGE_TYPES.flatMap((type) => merged.get(type) ?? [])
}

function stricter(a: StepUpDemand, b: StepUpDemand): StepUpDemand {
  const reason = a.reason ?? b.reason
  const more = { ttlSeconds: Math.min(lifeOf(a), lifeOf(b)), ...(reason === undefined ? {} : { reason }) }
  if (a.type === 'mfa' && b.type === 'mfa') {
    const maxAge = least(a.maxAge, b.maxAge)
    const again = a.again || b.again
    return { type: 'mfa', aal: maxAal(a.aal, b.aal), ...(maxAge === undefined ? {} : { maxAge }), again, ...more }
  }
  if (a.type === 'human_approval' && b.type === 'human_approval') {
    return { type: 'human_approval', approvals: Math.max(a.approvals, b.approvals), ...more }
  }
  return { ...a, ...more }
}

function least(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)
}

/** A demand as its challenge keeps it. Without an age it is to authenticate again, so only beside one that has to be said. */
export function storedDemand(demand: StepUpDemand): Demand {
  const reason = demand.reason === undefined ? {} : { reason: demand.reason }
  switch (demand.type) {
    case 'mfa': {
      const { aal, maxAge, again } = demand
      return { aal, ...(maxAge === undefined ? {} : { max_age: maxAge, ...(again ? { again } : {}) }), ...reason }
    }
    case 'human_approval':
      return { approvals: demand.approvals, ...reason }
    case 'software_attestation':
      return reason
  }
}
