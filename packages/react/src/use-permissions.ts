import type { DecisionQuery } from '@countersign/client'
import { useMemo, useSyncExternalStore } from 'react'
import { PENDING, type PermissionState } from './permission-state.js'
import { useCountersign } from './provider.js'
import { questionOf } from './question.js'

/** A question about the signed-in subject, or about another that it names. */
export type PermissionQuery = Omit<DecisionQuery, 'subject'> & Partial<Pick<DecisionQuery, 'subject'>>

/** Everything a question may say beside its permission and resource. */
export type PermissionExtra = Omit<PermissionQuery, 'permission' | 'resource'>

/**
 * What the user may do, for several questions at once, in their order. They go out as one batch.
 *
 * @example
 * ```tsx
 * const [create, cancel] = usePermissions([{ permission: 'transfers:create' }, { permission: 'transfers:cancel' }])
 * const toolbar = (
 *   <>
 *     <button disabled={!create?.allowed}>New</button>
 *     <button disabled={!cancel?.allowed}>Cancel</button>
 *   </>
 * )
 * ```
 */
export function usePermissions(queries: readonly PermissionQuery[]): readonly PermissionState[] {
  const { store, subject, session } = useCountersign()
  const questions = queries.map((query) => questionOf(subjectOf(query, subject), session))
  // What was asked, not who asked: a new array of the same questions keeps the subscription.
  const identity = JSON.stringify(questions.map(({ key, ...rest }) => key ?? rest))
  // biome-ignore lint/correctness/useExhaustiveDependencies: `identity` stands for `questions`
  const selection = useMemo(() => store.select(questions), [store, identity])
  return useSyncExternalStore(selection.subscribe, selection.read, selection.readOnServer)
}

/**
 * What the user may do, for one question in the client's form.
 *
 * @example
 * ```tsx
 * const transfer = useCan({ permission: 'transfers:create', resource: { type: 'account', id: '42' } })
 * const button = <button disabled={!transfer.allowed}>Transfer</button>
 * ```
 */
export function useCan(query: PermissionQuery): PermissionState {
  return usePermissions([query])[0] ?? PENDING
}

/**
 * What the user may do, by permission and resource.
 *
 * @example
 * ```tsx
 * const { allowed, loading, requiresStepUp } = usePermission('transfers:create', { type: 'account', id: '42' })
 * const button = <button disabled={loading || !(allowed || requiresStepUp)}>{requiresStepUp ? 'Verify' : 'Transfer'}</button>
 * ```
 */
export function usePermission(
  permission: string,
  resource?: DecisionQuery['resource'],
  extra?: PermissionExtra,
): PermissionState {
  return useCan({ ...extra, permission, resource })
}

// A getter of the caller's may throw; then the question cannot be asked, and that must not end the render.
function subjectOf(query: PermissionQuery, signedIn: DecisionQuery['subject']): DecisionQuery {
  try {
    return query.subject === undefined ? { ...query, subject: signedIn } : (query as DecisionQuery)
  } catch {
    return { subject: signedIn, permission: '' }
  }
}
