import { type Aal, CHALLENGE_TYPES, type ChallengeType, isAal, isChallengeType, maxAal } from '@countersign/protocol'

/** What policy demands before it allows. Ages and lives in seconds. */
export interface StepUpDemand {
  readonly type: ChallengeType
  /** `mfa` only: the level to reach. */
  readonly aal?: Aal
  /** `mfa` only: how long ago the user may have authenticated. */
  readonly maxAge?: number
  /** `human_approval` only: how many people must approve. */
  readonly approvals?: number
  readonly ttlSeconds?: number
  readonly reason?: string
}

const KEYS: ReadonlySet<string> = new Set(['type', 'aal', 'max_age', 'approvals', 'ttl_seconds', 'reason', 'policy'])
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
 * parseDemand('mfa')                                     // { type: 'mfa', aal: 'aal2' }
 * parseDemand({ type: 'human_approval', approvals: 2 })  // { type: 'human_approval', approvals: 2 }
 * parseDemand({ type: 'mfa', approvals: 2 })             // undefined
 * ```
 */
export function parseDemand(value: unknown): StepUpDemand | undefined {
  if (typeof value === 'string') return isChallengeType(value) ? withDefaults({ type: value }) : undefined
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const given = value as { readonly [key: string]: unknown }
  if (!Object.keys(given).every((key) => KEYS.has(key))) return undefined
  const { type, aal, max_age: maxAge, approvals, ttl_seconds: ttlSeconds, reason } = given
  if (!isChallengeType(type)) return undefined
  if (aal !== undefined && !(type === 'mfa' && isAal(aal))) return undefined
  if (maxAge !== undefined && !(type === 'mfa' && isWhole(maxAge, 0, MOST_AGE))) return undefined
  if (approvals !== undefined && !(type === 'human_approval' && isWhole(approvals, 1, MOST_APPROVALS))) return undefined
  if (ttlSeconds !== undefined && !isWhole(ttlSeconds, MIN_TTL, MAX_TTL)) return undefined
  if (reason !== undefined && !(typeof reason === 'string' && reason.length <= MOST_REASON)) return undefined
  return withDefaults({
    type,
    ...(isAal(aal) ? { aal } : {}),
    ...(typeof maxAge === 'number' ? { maxAge } : {}),
    ...(typeof approvals === 'number' ? { approvals } : {}),
    ...(typeof ttlSeconds === 'number' ? { ttlSeconds } : {}),
    ...(typeof reason === 'string' ? { reason } : {}),
  })
}

// More than one factor is aal2 by definition, and one person is the least that can approve.
function withDefaults(demand: StepUpDemand): StepUpDemand {
  if (demand.type === 'mfa') return { aal: 'aal2', ...demand }
  return demand.type === 'human_approval' ? { approvals: 1, ...demand } : demand
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
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
  const aal = a.aal === undefined || b.aal === undefined ? (a.aal ?? b.aal) : maxAal(a.aal, b.aal)
  const approvals =
    a.approvals === undefined || b.approvals === undefined ? undefined : Math.max(a.approvals, b.approvals)
  const maxAge = least(a.maxAge, b.maxAge)
  const ttlSeconds = least(a.ttlSeconds, b.ttlSeconds)
  const reason = a.reason ?? b.reason
  return {
    type: a.type,
    ...(aal === undefined ? {} : { aal }),
    ...(maxAge === undefined ? {} : { maxAge }),
    ...(approvals === undefined ? {} : { approvals }),
    ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
    ...(reason === undefined ? {} : { reason }),
  }
}

function least(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)
}
