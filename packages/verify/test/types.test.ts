import type { RequestHandler } from 'express'
import { expectTypeOf, test } from 'vitest'
import { expressMandates } from '../src/express.js'
import { type Authorization, type Mandate, MandateVerifier, type Refusal } from '../src/index.js'
import { verifierOf } from './support/zone.js'

test('an outcome is a mandate or a refusal, never both and never neither', () => {
  const read = (outcome: Authorization) => {
    // @ts-expect-error only after looking
    outcome.mandate
    if (outcome.ok) expectTypeOf(outcome.mandate).toEqualTypeOf<Mandate>()
    else expectTypeOf(outcome.refusal).toEqualTypeOf<Refusal>()
  }
  expectTypeOf(read).toBeFunction()
})

test('a step-up that demands nothing does not compile', () => {
  const auth = expressMandates(verifierOf())
  expectTypeOf(auth.requireStepUp({ aal: 'aal2' })).toEqualTypeOf<RequestHandler>()
  expectTypeOf(auth.requireStepUp({ maxAge: 300 })).toEqualTypeOf<RequestHandler>()
  const wrong = () => {
    // @ts-expect-error neither a level nor an age
    auth.requireStepUp({})
    // @ts-expect-error aal4 does not exist
    auth.requireStepUp({ aal: 'aal4' })
    // @ts-expect-error a server has a name
    new MandateVerifier({ issuer: 'https://sts.example/zones/zone-1' })
  }
  expectTypeOf(wrong).toBeFunction()
})
