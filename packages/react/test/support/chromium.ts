import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, test } from 'vitest'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const MISSING = 'No Chromium here (looked at CHROMIUM_PATH and PATH): tests in a real browser are left out.'

function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const places = [
    process.env.CHROMIUM_PATH ?? '',
    ...NAMES.flatMap((name) => folders.map((folder) => join(folder, name))),
  ]
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK)
      return place !== ''
    } catch {
      return false
    }
  })
}

/**
 * Describes tests that need a real Chromium. Where there is none they are left out, with a line that says so; with `CI`
 * set that is a failure instead.
 */
export function describeInChromium(name: string, body: (newPage: () => Promise<Page>) => void): void {
  const executablePath = findChromium()
  if (executablePath === undefined) {
    test(name, ({ skip }) => {
      if (process.env.CI) throw new Error(MISSING)
      skip(MISSING)
    })
    return
  }
  describe(name, () => {
    let browser: Browser
    beforeAll(async () => {
      // Its sandbox needs what containers do not give; the only pages it sees are our own.
      browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
    })
    afterAll(() => browser?.close())
    body(() => browser.newPage())
  })
}
