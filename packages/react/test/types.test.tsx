import type { Aal, DecisionClient, OAuthClient, UnavailableReason } from '@countersign/client'
import { expectTypeOf, test } from 'vitest'
import {
  Can,
  type ChallengeSource,
  type DecisionSource,
  type PermissionState,
  useCan,
  usePermissions,
} from '../src/index.js'

test('the flags and the status agree, in the types too', () => {
  const read = (state: PermissionState) => {
    expectTypeOf(state.allowed).toBeBoolean()
    if (state.allowed) expectTypeOf(state.status).toEqualTypeOf<'granted'>()
    if (state.loading) expectTypeOf(state.status).toEqualTypeOf<'pending'>()
    if (state.requiresStepUp) expectTypeOf(state.requiredAal).toEqualTypeOf<Aal | null>()
    if (state.status === 'unavailable') expectTypeOf(state.reason).toEqualTypeOf<UnavailableReason>()
    // @ts-expect-error only a step-up has an age
    state.maxAge
  }
  expectTypeOf(read).toBeFunction()
})

test("the client's classes are what the provider takes", () => {
  expectTypeOf<DecisionClient>().toExtend<DecisionSource>()
  expectTypeOf<OAuthClient>().toExtend<ChallengeSource>()
})

test('each slot is handed the state it is for', () => {
  const element = (
    <Can
      permission="pay"
      stepUp={(state) => {
        expectTypeOf(state.requiresStepUp).toEqualTypeOf<true>()
        return state.requiredAal
      }}
      granted={(state) => state.decision.decisionId}
    />
  )
  expectTypeOf(element).toBeObject()
  // @ts-expect-error a question has a permission
  const wrong = <Can granted="transfer" />
  expectTypeOf(wrong).toBeObject()
})

test('a question may leave its subject to the provider', () => {
  expectTypeOf(useCan).parameter(0).toExtend<{ permission: string }>()
  expectTypeOf<{ permission: string }>().toExtend<Parameters<typeof useCan>[0]>()
  expectTypeOf(usePermissions).returns.items.toEqualTypeOf<PermissionState>()
})
