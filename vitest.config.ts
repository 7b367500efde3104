import { defineConfig } from 'vitest/config'

// Tests run against the sources of the workspace packages, not their last build.
export const conditions = ['@countersign/source', 'node']

const testsOf = (packages: string) => [
  `packages/${packages}/src/**/*.test.{ts,tsx}`,
  `packages/${packages}/test/**/*.test.{ts,tsx}`,
]

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    reporters: ['default', './scripts/left-out-reporter.js'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'libraries', include: testsOf('{client,protocol,react,rego,verify}') } },
      { extends: true, test: { name: 'bench', include: ['bench/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'service',
          include: testsOf('{server,cli}'),
          // A throwaway PostgreSQL, started only when tests of these packages run.
          globalSetup: ['packages/server/test/support/global-setup.ts'],
        },
      },
    ],
  },
})
