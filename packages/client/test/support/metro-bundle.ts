import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { runBuild } from 'metro'
import { getDefaultConfig, mergeConfig } from 'metro-config'
import { packageDir } from './build.js'

const require = createRequire(import.meta.url)
const folderOf = (name: string) => dirname(require.resolve(`${name}/package.json`))

/**
 * Bundles an entry file for iOS with Metro's default configuration, in a throwaway app that has the given packages of
 * this workspace (built) and of the registry installed. The one setting is the translation of `import`, which in an app
 * is React Native's Babel preset's work.
 */
export async function metroBundle(
  entry: string,
  ours: readonly string[],
  others: readonly string[] = [],
): Promise<string> {
  const app = await realpath(await mkdtemp(join(tmpdir(), 'countersign-metro-')))
  try {
    await writeFile(join(app, 'package.json'), '{"name":"app"}')
    await writeFile(join(app, 'index.js'), entry)
    for (const name of ours) {
      const home = join(app, 'node_modules/@countersign', name)
      await mkdir(home, { recursive: true })
      await cp(join(packageDir(name), 'package.json'), join(home, 'package.json'))
      await cp(join(packageDir(name), 'dist'), join(home, 'dist'), { recursive: true })
    }
    for (const name of ['metro-runtime', ...others]) {
      await cp(folderOf(name), join(app, 'node_modules', name), { recursive: true })
    }
    const config = mergeConfig(await getDefaultConfig(app), {
      projectRoot: app,
      // Metro reads its own runtime from where it is installed, the app's import of it from the app.
      watchFolders: [app, folderOf('metro-runtime')],
      cacheStores: [],
      maxWorkers: 1,
      reporter: { update: () => {} },
      resolver: { useWatchman: false },
      transformer: {
        getTransformOptions: async () => ({ transform: { experimentalImportSupport: true, inlineRequires: false } }),
      },
    })
    const { code } = await runBuild(config, { entry: 'index.js', dev: false, minify: false, platform: 'ios' })
    return code
  } finally {
    await rm(app, { recursive: true, force: true })
  }
}
