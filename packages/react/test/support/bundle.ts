import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

/** Bundles a page of `test/browser` for a real browser, from the sources of the workspace. */
export async function bundlePage(entry: string): Promise<string> {
  const build = await rolldown({
    input: fileURLToPath(new URL(`../browser/${entry}`, import.meta.url)),
    platform: 'browser',
    logLevel: 'silent',
    resolve: { conditionNames: ['@countersign/source', 'browser', 'import', 'default'] },
    transform: { define: { 'process.env.NODE_ENV': '"production"' } },
  })
  const { output } = await build.generate({ format: 'iife' })
  await build.close()
  return output[0].code
}
