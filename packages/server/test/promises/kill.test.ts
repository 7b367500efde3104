import { expect, test } from 'vitest'
import { drill } from './crash.js'

// `npm run drill` does it 50 times.
test('10 kills at random moments under load: no mandate without its record, no challenge spent for nothing', async () => {
  const report = await drill(10)
  // A drill that interrupts nobody shows nothing.
  expect(report.mandates).toBeGreaterThan(20)
  expect(report.interrupted).toBeGreaterThan(0)
}, 180_000)
