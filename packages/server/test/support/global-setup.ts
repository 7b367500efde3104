import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startEmbedded } from '../../src/store/embedded/start-embedded.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** URL of a server on which tests may create and drop databases. */
    readonly testServerUrl: string
  }
}

/** One throwaway PostgreSQL for the whole run, or the team's own that `COUNTERSIGN_TEST_DATABASE_URL` names. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const own = process.env.COUNTERSIGN_TEST_DATABASE_URL
  if (own !== undefined && own !== '') {
    project.provide('testServerUrl', own)
    return undefined
  }
  const dataDir = await mkdtemp(join(tmpdir(), 'countersign-test-'))
  const embedded = await startEmbedded({
    dataDir,
    log: () => {},
    // Nothing on it outlives the run. What must survive a crash is tested on clusters with the real settings.
    settings: { fsync: 'off', full_page_writes: 'off', max_connections: '400' },
  })
  const { host, port } = embedded.connection
  project.provide('testServerUrl', `postgresql://postgres@localhost:${port}/postgres?host=${encodeURIComponent(host)}`)
  return async () => {
    await embedded.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}
