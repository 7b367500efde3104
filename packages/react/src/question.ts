import { type Decision, type DecisionQuery, queryKey } from '@countersign/client'
import { type PermissionState, stateOf } from './permission-state.js'

/**
 * A question in the form that is compared and sent. It is read from the caller's query once, in the render that asks it:
 * whatever happens to the caller's objects afterwards, the answer is stored under what was asked.
 */
export type Question =
  | { readonly key: string; readonly query: DecisionQuery }
  /** It cannot be asked, and that is the answer. */
  | { readonly key: null; readonly answer: PermissionState }

const UNASKABLE = {
  'no-subject': unaskable('no-subject'),
  'invalid query': unaskable('invalid query'),
}

/**
 * Makes the question of a query. Never throws, whatever the query holds.
 *
 * @param session distinguishes two sessions of one subject; part of the key.
 */
export function questionOf(query: DecisionQuery, session: string | undefined): Question {
  const body = queryKey(query)
  if (body === 'no-subject' || body === 'invalid query') return UNASKABLE[body]
  const { current_aal: currentAal, ...rest } = JSON.parse(body)
  return { key: JSON.stringify([session ?? null, body]), query: { ...rest, currentAal } }
}

function unaskable(reason: 'no-subject' | 'invalid query'): Question {
  const decision: Decision = Object.freeze({ status: 'unavailable', reason })
  return { key: null, answer: stateOf(decision) }
}
