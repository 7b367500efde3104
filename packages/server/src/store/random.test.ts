import { expect, test } from 'vitest'
import { newId } from './ids.js'
import { drawRandom, randomText } from './random.js'

test('no random bytes are handed out twice, however many are drawn and whoever draws', () => {
  const seen = new Set<string>()
  for (let n = 0; n < 2_000; n++) {
    seen.add(drawRandom().toString('hex'))
    seen.add(randomText())
    // What is random in an id, all of the same millisecond.
    seen.add(newId(0).slice(14))
  }
  expect(seen.size).toBe(6_000)
})
