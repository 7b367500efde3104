import { expect, test } from 'vitest'
import { drill } from './promises/crash.js'

const KILLS = 50

test(`${KILLS} kills at random moments under load: no mandate without its record, no challenge spent for nothing`, async () => {
  const report = await drill(KILLS)
  console.log(JSON.stringify(report))
  expect(report.mandates).toBeGreaterThan(100)
  expect(report.interrupted).toBeGreaterThan(0)
})
