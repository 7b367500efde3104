import { expectTypeOf, test } from 'vitest'
import {
  type Aal,
  type Decision,
  DecisionClient,
  type DecisionQuery,
  type GrantedDecision,
  type InteractionRequiredError,
  isGranted,
  type Mandate,
  OAuthClient,
} from '../src/index.js'
import { verifyToken } from '../src/verify-token/index.js'

const never = (): boolean => false

test('acting on a bare `allowed` does not compile: a decision has none', () => {
  // @ts-expect-error there is no such member on any answer
  type Bare = Decision['allowed']
  expectTypeOf<Decision['status']>().toEqualTypeOf<'granted' | 'step_up' | 'denied' | 'unavailable'>()
  expectTypeOf<Bare>().toBeAny()
})

test('a step-up tells its level only where it is one', () => {
  const read = (decision: Decision) => {
    // @ts-expect-error only a step-up has a level
    decision.requiredAal
    if (decision.status === 'step_up') expectTypeOf(decision.requiredAal).toEqualTypeOf<Aal | null>()
    if (isGranted(decision)) expectTypeOf(decision).toEqualTypeOf<GrantedDecision>()
    if (decision.status === 'unavailable') expectTypeOf(decision.reason).toBeString()
  }
  expectTypeOf(read).toBeFunction()
})

test('a question names its subject and permission, and a level that exists', () => {
  expectTypeOf<{ subject: null; permission: string }>().toExtend<DecisionQuery>()
  // @ts-expect-error forgetting the subject is not saying there is none
  const forgotten: DecisionQuery = { permission: 'p' }
  // @ts-expect-error aal4 does not exist
  const unknown: DecisionQuery = { subject: null, permission: 'p', currentAal: 'aal4' }
  expectTypeOf([forgotten, unknown]).toBeArray()
})

test('calls have the types the guide shows', () => {
  if (never()) {
    const client = new OAuthClient('https://sts.example', 'z', 'a')
    expectTypeOf(client.exchange('t')).resolves.toEqualTypeOf<Mandate>()
    expectTypeOf(client.waitForChallenge).parameter(0).toExtend<{ challengeId: string; challengeSecret: string }>()
    expectTypeOf<InteractionRequiredError>().toExtend<Parameters<typeof client.waitForChallenge>[0]>()
    // @ts-expect-error a step-up without somebody to ask
    client.exchangeWithStepUp('t', 'r', {})
    // @ts-expect-error a decision point does not answer strangers
    new DecisionClient('https://sts.example', 'z', {})
    // @ts-expect-error an audience is not optional
    verifyToken('t', { issuer: 'i' })
  }
})
