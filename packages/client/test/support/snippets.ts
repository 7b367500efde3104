import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageDir } from './build.js'

/** One code block of a document or doc comment. */
export interface Snippet {
  readonly name: string
  readonly extension: 'ts' | 'tsx'
  readonly code: string
}

const root = fileURLToPath(new URL('../../../../', import.meta.url))

/** The TypeScript blocks of a Markdown file, by its path in the repository. */
export async function snippetsOf(path: string): Promise<Snippet[]> {
  const blocks = [...(await readFile(join(root, path), 'utf8')).matchAll(/^```(tsx?)\n([\s\S]*?)^```$/gm)]
  return blocks.map(([, extension, code = ''], i) => ({
    name: `${path.replace(/\W+/g, '-')}-${i + 1}`,
    extension: extension === 'tsx' ? 'tsx' : 'ts',
    code,
  }))
}

/**
 * The `@example` blocks of a package's sources. They show calls without their imports, so what they use of an entry is
 * imported from it. `entries` are the package's entries by their index file in `src`.
 */
export async function examplesOf(name: string, entries: Readonly<Record<string, string>>): Promise<Snippet[]> {
  const src = join(packageDir(name), 'src')
  const exported = new Map<string, string>()
  for (const [index, entry] of Object.entries(entries)) {
    const text = await readFile(join(src, index), 'utf8')
    for (const [, names = ''] of text.matchAll(/export (?:type )?\{([^}]*)\}/g)) {
      for (const one of names.split(',')) exported.set(one.replace(/^\s*type\s/, '').trim(), entry)
    }
    for (const [, one = ''] of text.matchAll(/^export (?:async )?(?:function|class|const) (\w+)/gm))
      exported.set(one, entry)
  }
  const found: Snippet[] = []
  const files = (await readdir(src, { recursive: true })).filter((file) => /(?<!\.test)\.tsx?$/.test(file))
  for (const file of files.sort()) {
    const text = await readFile(join(src, file), 'utf8')
    for (const [, extension, block = ''] of text.matchAll(/^ *\* ```(tsx?)\n([\s\S]*?)^ *\* ```$/gm)) {
      const code = block.replace(/^ *\* ?/gm, '')
      const imports = [...exported].filter(([symbol]) => symbol && new RegExp(`\\b${symbol}\\b`).test(code))
      const lines = imports.map(([symbol, entry]) => `import { ${symbol} } from '${entry}'\n`)
      found.push({
        name: `${file.replace(/\W+/g, '-')}-${found.length + 1}`,
        extension: extension === 'tsx' ? 'tsx' : 'ts',
        code: code.startsWith('import ') ? code : `${lines.join('')}export {}\n${code}`,
      })
    }
  }
  return found
}

/**
 * Compiles snippets with the workspace's settings, in a folder of their own inside the package.
 *
 * @param given declarations of what the text around the snippets speaks of.
 * @returns the folder, for who wants to run them and must remove it, and what the compiler complained about.
 */
export async function compile(
  name: string,
  snippets: readonly Snippet[],
  given: string,
): Promise<{ folder: string; complaints: string }> {
  const home = join(packageDir(name), 'test')
  await mkdir(home, { recursive: true })
  const folder = await mkdtemp(join(home, '.snippets-'))
  for (const { name: file, extension, code } of snippets) await writeFile(join(folder, `${file}.${extension}`), code)
  await writeFile(join(folder, 'given.d.ts'), given)
  const options = { verbatimModuleSyntax: false, allowUnreachableCode: true }
  const config = { extends: join(root, 'tsconfig.test.json'), compilerOptions: options, include: ['*'] }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const complaints = await new Promise<string>((resolve) => {
    execFile(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { cwd: folder }, (error, out) =>
      resolve(error ? out || String(error) : ''),
    )
  })
  return { folder, complaints }
}
