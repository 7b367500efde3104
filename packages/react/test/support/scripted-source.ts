import type { Decision, DecisionQuery } from '@countersign/client'
import type { DecisionSource } from '../../src/permission-store.js'

const facts = {
  decisionId: 'decision-1',
  policyVersion: 1,
  aalSource: 'session',
  matched: [],
  explanation: [],
} as const

export const GRANTED: Decision = { status: 'granted', ...facts }
export const DENIED: Decision = { status: 'denied', ...facts }
export const STEP_UP: Decision = { status: 'step_up', requiredAal: 'aal2', maxAge: 300, challengeType: 'mfa', ...facts }
export const UNAVAILABLE: Decision = { status: 'unavailable', reason: 'transport' }

/** A decision source that answers as the test says and keeps what it was asked, a batch being one entry. */
export class ScriptedSource implements DecisionSource {
  readonly asked: (readonly DecisionQuery[])[] = []
  readonly signals: (AbortSignal | undefined)[] = []
  cleared = 0
  answer: (query: DecisionQuery) => Decision | Promise<Decision> = () => GRANTED

  async check(query: DecisionQuery, options: { signal?: AbortSignal } = {}): Promise<Decision> {
    this.asked.push([query])
    this.signals.push(options.signal)
    return this.answer(query)
  }

  async checkBatch(
    queries: readonly DecisionQuery[],
    options: { signal?: AbortSignal } = {},
  ): Promise<readonly Decision[]> {
    this.asked.push(queries)
    this.signals.push(options.signal)
    return Promise.all(queries.map((query) => this.answer(query)))
  }

  clearCache(): void {
    this.cleared += 1
  }
}
