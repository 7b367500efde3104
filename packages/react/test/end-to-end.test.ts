import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundlePage } from './support/bundle.js'
import { describeInChromium } from './support/chromium.js'
import { openWholeBank, type WholeBank } from './support/whole-bank.js'

describeInChromium('with every part real: service, PostgreSQL, API, page', (newPage) => {
  let bank: WholeBank
  let page: Page
  beforeAll(async () => {
    bank = await openWholeBank(await bundlePage('bank-with-backend.tsx'))
    page = await newPage()
  }, 120_000)
  afterAll(() => bank?.stop())

  const button = (name: string) => page.getByRole('button', { name, exact: true })

  test('Verify becomes Transfer, the call succeeds, and five minutes later it is Verify again', async () => {
    await page.goto(bank.url)
    await button('Sign in').click()

    // At aal1 the page offers to verify, and does not offer to transfer.
    await button('Verify').waitFor()
    expect(await button('Transfer').count()).toBe(0)

    // The step-up: the page waits, the authentication service says that alice has proved herself.
    await button('Verify').click()
    const challengeId = await page.locator('em').textContent()
    await bank.prove(challengeId ?? '')
    await button('Transfer').click()
    await expect.poll(() => page.locator('output').textContent()).toBe('200 {"from":"alice","amount":100}')

    // The level lapses by the service's clock.
    await bank.passTime(301)
    await button('Verify').waitFor({ timeout: 20_000 })
    expect(await button('Transfer').count()).toBe(0)

    // The other way to rise: a fresh token of the identity provider, for the same subject and session.
    await button('Use a passkey').click()
    await button('Transfer').waitFor()
  }, 120_000)
})
