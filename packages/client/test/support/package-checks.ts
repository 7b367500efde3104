import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { checkPackage, Package } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { rolldown } from 'rolldown'
import { packageDir } from './build.js'

/** What publint finds wrong with a built package, in words. */
export async function publintProblems(name: string): Promise<string[]> {
  const { messages } = await publint({ pkgDir: packageDir(name), level: 'suggestion', strict: true })
  return messages.map(({ code, path, args }) => `${code} at ${path.join('.')} ${JSON.stringify(args)}`)
}

// An ESM package: what only loads `require` sees a module to import, and TypeScript's oldest resolution has no subpaths.
const ESM_ONLY = new Set(['CJSResolvesToESM'])

/** What "are the types wrong" finds about a built package, for every entry and every module resolution in use. */
export async function typesProblems(name: string): Promise<string[]> {
  const manifest = JSON.parse(await readFile(join(packageDir(name), 'package.json'), 'utf8'))
  const root = `/node_modules/${manifest.name}`
  const files: Record<string, string> = { [`${root}/package.json`]: JSON.stringify(manifest) }
  for (const folder of ['dist', 'src']) {
    const entries = await readdir(join(packageDir(name), folder), { recursive: true, withFileTypes: true })
    for (const entry of entries.filter((one) => one.isFile())) {
      const path = join(entry.parentPath, entry.name)
      files[`${root}/${path.slice(packageDir(name).length)}`] = await readFile(path, 'utf8')
    }
  }
  const result = await checkPackage(new Package(files, manifest.name, manifest.version))
  if (result.types === false) return ['no types']
  return result.problems
    .filter((problem) => !ESM_ONLY.has(problem.kind))
    .filter((problem) => !('resolutionKind' in problem && problem.resolutionKind === 'node10'))
    .map((problem) => `${problem.kind} ${JSON.stringify(problem).slice(0, 300)}`)
}

/** What an app that imports `code` ships: minified, everything of this workspace inside, `external` outside. */
export async function bundleFor(
  code: string,
  from: string,
  external: readonly (string | RegExp)[] = [],
): Promise<{ code: string; gzip: number }> {
  const entry = join(packageDir(from), 'app.js')
  const build = await rolldown({
    input: entry,
    external: [...external],
    logLevel: 'silent',
    resolve: { conditionNames: ['@countersign/source', 'import', 'default'] },
    plugins: [
      {
        name: 'app',
        resolveId: (id) => (id === entry ? id : null),
        load: (id) => (id === entry ? code : null),
      },
    ],
  })
  const { output } = await build.generate({ format: 'esm', minify: true })
  await build.close()
  const text = output.map((chunk) => (chunk.type === 'chunk' ? chunk.code : '')).join('')
  return { code: text, gzip: gzipSync(text, { level: 9 }).length }
}
