import { defineConfig } from 'vitest/config'
import { conditions } from './vitest.config.js'

const HOUR_MS = 3_600_000

// `npm run drill`: the long kill test, which is too long for every run of the others.
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['packages/server/test/drill.ts'],
    globalSetup: ['packages/server/test/support/global-setup.ts'],
    testTimeout: HOUR_MS,
    hookTimeout: HOUR_MS,
  },
})
