import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decision, issued, refused, WireService } from '../../client/test/wire-service.js'
import { bundlePage } from './support/bundle.js'
import { describeInChromium } from './support/chromium.js'

describeInChromium('in a real Chromium with React DOM', (newPage) => {
  let service: WireService
  let page: Page
  beforeAll(async () => {
    service = await WireService.start()
    service.other = () => ({ headers: { 'content-type': 'text/html' }, body: '<!doctype html><title>Bank</title>' })
    page = await newPage()
  })
  afterAll(() => service?.stop())

  const open = async (entry: string) => {
    const script = await bundlePage(entry)
    await page.goto(service.url)
    await page.addScriptTag({ content: script })
  }
  const button = (name: string) => page.getByRole('button', { name, exact: true })

  test('Verify becomes Transfer after the step-up, for this user alone, and Verify again when the level has lapsed', async () => {
    let raised = ''
    service.token = ({ form }) => {
      const id = form.get('challenge_id')
      if (id === null) return service.pause()
      if (service.stateOf(id) !== 'satisfied') return refused(401, 'access_denied', 'challenge_invalid')
      const mandate = issued()
      if (typeof mandate === 'object') raised = (mandate.body as { access_token: string }).access_token
      return mandate
    }
    service.decisions = ({ headers, json }) => {
      const { subject } = json as { subject: { id: string } }
      const strong = raised !== '' && headers.authorization === `Bearer ${raised}` && subject.id === 'alice'
      const demand = { requires_step_up: true, required_aal: 'aal2', max_age: 300, challenge_type: 'mfa' }
      return { body: { data: decision(strong ? {} : demand) } }
    }
    await open('bank.tsx')
    await button('Verify').click()
    await button('Cancel').waitFor()
    service.settle('challenge-1', 'satisfied')
    await button('Transfer').waitFor()

    // Whatever the page shows from here on, it is kept: bob must never have had alice's button.
    await page.evaluate(() => {
      const shown: string[] = []
      new MutationObserver(() => shown.push(document.body.textContent ?? '')).observe(document.body, {
        subtree: true,
        childList: true,
        characterData: true,
      })
      Object.assign(window, { shown })
    })
    await button('Switch').click()
    await button('Verify').waitFor()
    const shown = await page.evaluate(() => (window as unknown as { shown: string[] }).shown)
    expect(shown.some((text) => text.includes('bob'))).toBe(true)
    for (const text of shown) expect(text.includes('bob') && text.includes('Transfer')).toBe(false)

    await button('Switch').click()
    await button('Transfer').waitFor()
    raised = 'lapsed'
    await button('Verify').waitFor()
  })

  test('cancelling the prompt cancels at the service', async () => {
    await open('bank.tsx')
    const before = service.to('/token').length
    await button('Verify').click()
    await button('Cancel').click()
    await button('Verify').waitFor()
    await expect.poll(() => service.requests.some(({ method }) => method === 'DELETE')).toBe(true)
    expect(service.to('/token').length).toBe(before + 1)
  })

  test('coming back to the window asks again at once', async () => {
    service.decisions = () => ({ body: { data: decision() } })
    await open('bank.tsx')
    await button('Transfer').waitFor()
    service.decisions = () => ({ body: { data: decision({ allowed: false }) } })
    await page.evaluate(() => window.dispatchEvent(new Event('focus')))
    await page.getByText('No', { exact: true }).waitFor({ timeout: 1_000 })
  })

  test('allowed is never rendered for a query and user that were not granted; resetting in an effect breaks that', async () => {
    await open('property.tsx')
    type TryOut = (which: string, runs: number) => Promise<{ failed: boolean; why: string; shownAllowed: number }>
    const tryOut = (which: string, runs: number) =>
      page.evaluate(([which, runs]) => (window as unknown as { tryOut: TryOut }).tryOut(which, runs), [
        which,
        runs,
      ] as const)
    const ours = await tryOut('ours', 200)
    expect(ours.failed, ours.why).toBe(false)
    expect(ours.shownAllowed).toBeGreaterThan(200)
    const wrong = await tryOut('resetsInAnEffect', 200)
    expect(wrong.failed).toBe(true)
    expect(wrong.why).toMatch(/was shown/)
  }, 120_000)
})
