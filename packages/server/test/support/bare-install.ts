import { chmod, cp, mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join, resolve, sep } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../../../..')

/**
 * Copies the built server and the packages it needs into `directory`, as `npm install` would, but without the links that
 * install scripts make; for runs as another user or under a closed directory. Returns where a built module is there.
 */
export async function bareInstall(directory: string, packages: readonly string[]): Promise<(module: string) => string> {
  const server = join(directory, 'packages/server')
  await mkdir(server, { recursive: true })
  await cp(join(ROOT, 'packages/server/dist'), join(server, 'dist'), { recursive: true })
  await cp(join(ROOT, 'packages/server/package.json'), join(server, 'package.json'))
  await copyPackages(directory, packages, new Set())
  await chmod(directory, 0o755)
  return (module) => join(server, 'dist', module)
}

async function copyPackages(directory: string, names: readonly string[], done: Set<string>): Promise<void> {
  const require = createRequire(import.meta.url)
  for (const name of names) {
    if (done.has(name)) continue
    done.add(name)
    const found = require.resolve.paths(name)?.map((base) => join(base, name)) ?? []
    for (const source of found) {
      const manifest = await readFile(join(source, 'package.json'), 'utf8').catch(() => undefined)
      if (manifest === undefined) continue
      await cp(source, join(directory, 'node_modules', ...name.split('/')), {
        recursive: true,
        // The links between shared libraries.
        filter: (path) => !/\.so(\.\d+)?$/.test(path) || !path.includes(`native${sep}lib${sep}libicu`),
      })
      const { dependencies = {}, optionalDependencies = {} } = JSON.parse(manifest) as Record<string, object>
      await copyPackages(directory, Object.keys({ ...dependencies, ...optionalDependencies }), done)
      break
    }
  }
}
