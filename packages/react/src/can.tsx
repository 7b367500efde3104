import type { ReactNode } from 'react'
import type { Denied, Granted, Pending, PermissionState, StepUp, Unavailable } from './permission-state.js'
import { type PermissionQuery, useCan } from './use-permissions.js'

/** What to show for one state: nodes, or how to make them of the state. */
export type Slot<S extends PermissionState> = ReactNode | ((state: S) => ReactNode)

/** A question and what to show for each answer. What is left out shows nothing. */
export type CanProps = PermissionQuery & {
  readonly granted?: Slot<Granted>
  readonly stepUp?: Slot<StepUp>
  readonly pending?: Slot<Pending>
  readonly denied?: Slot<Denied>
  readonly unavailable?: Slot<Unavailable>
}

/**
 * Shows what fits the answer. Nothing but a grant ever shows the `granted` slot.
 *
 * @example
 * ```tsx
 * const button = (
 *   <Can
 *     permission="transfers:create"
 *     granted={<button>Transfer</button>}
 *     stepUp={({ requiredAal }) => <button>Verify ({requiredAal})</button>}
 *     pending={<Spinner />}
 *     denied="You cannot transfer from this account."
 *     unavailable="Please try again."
 *   />
 * )
 * ```
 */
export function Can({ granted, stepUp, pending, denied, unavailable, ...query }: CanProps): ReactNode {
  const state = useCan(query)
  switch (state.status) {
    case 'granted':
      return fill(granted, state)
    case 'step_up':
      return fill(stepUp, state)
    case 'pending':
      return fill(pending, state)
    case 'denied':
      return fill(denied, state)
    default:
      return fill(unavailable, state)
  }
}

function fill<S extends PermissionState>(slot: Slot<S>, state: S): ReactNode {
  return typeof slot === 'function' ? slot(state) : slot
}
