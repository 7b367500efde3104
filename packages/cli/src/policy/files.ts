import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import type { ModuleSource } from '@countersign/rego'
import { CliError, EXIT } from '../cli-error.js'

/** Policies and base documents from files and folders. */
export interface Loaded {
  readonly modules: readonly ModuleSource[]
  readonly data: Record<string, unknown>
}

/**
 * Reads `.rego` modules and `.json` documents. A folder is read with everything below it; a document in it stands under the
 * names of its folders (`roles/data.json` is `data.roles`). A document that is named itself stands at `data`. Folders
 * named `node_modules`, or with a dot in front, are passed over.
 *
 * @throws CliError when a path cannot be read or a document is not a JSON object; the message names it.
 */
export function load(paths: readonly string[], cwd: string): Loaded {
  const modules: ModuleSource[] = []
  const data: Record<string, unknown> = {}
  for (const path of paths) {
    for (const { file, root } of filesOf(path, cwd)) {
      if (file.endsWith('.rego')) modules.push({ path: shown(file, cwd), source: read(file) })
      else if (file.endsWith('.json')) merge(data, under(file, root), document(file, cwd), shown(file, cwd))
    }
  }
  return { modules, data }
}

/** The `.rego` files that paths name or hold. */
export function regoFiles(paths: readonly string[], cwd: string): { file: string; path: string }[] {
  return paths.flatMap((path) =>
    filesOf(path, cwd)
      .filter(({ file }) => file.endsWith('.rego'))
      .map(({ file }) => ({ file, path: shown(file, cwd) })),
  )
}

/** A JSON document. */
export function document(file: string, cwd: string): unknown {
  const text = read(resolve(cwd, file))
  try {
    return JSON.parse(text)
  } catch (error) {
    throw wrong(`${file} is not JSON: ${reason(error)}`)
  }
}

export function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw wrong(`cannot read ${file}: ${reason(error)}`)
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function filesOf(path: string, cwd: string): { file: string; root: string }[] {
  const full = resolve(cwd, path)
  const stat = statSync(full, { throwIfNoEntry: false })
  if (!stat) throw wrong(`${path} does not exist`)
  if (!stat.isDirectory()) return [{ file: full, root: dirname(full) }]
  return filesBelow(full)
    .map((file) => ({ file, root: full }))
    .sort((a, b) => (a.file < b.file ? -1 : 1))
}

function filesBelow(folder: string): string[] {
  return entriesOf(folder).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isFile()) return [path]
    return entry.isDirectory() && entry.name !== 'node_modules' && !entry.name.startsWith('.') ? filesBelow(path) : []
  })
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch (error) {
    throw wrong(`cannot read ${folder}: ${reason(error)}`)
  }
}

/** The folders between the root and a file, as keys below `data`. */
function under(file: string, root: string): string[] {
  return relative(root, dirname(file)).split(/[\\/]/).filter(Boolean)
}

function shown(file: string, cwd: string): string {
  const path = relative(cwd, file)
  return path.startsWith('..') || isAbsolute(path) ? file : path
}

function merge(data: Record<string, unknown>, keys: readonly string[], value: unknown, file: string): void {
  if (!isRecord(value)) {
    if (keys.length === 0) throw wrong(`${file} must hold a JSON object`)
  }
  const [key, ...rest] = keys
  if (key !== undefined) {
    const below = Object.hasOwn(data, key) ? data[key] : undefined
    const inner = isRecord(below) ? below : {}
    if (rest.length === 0 && !isRecord(value)) data[key] = value
    else {
      data[key] = inner
      merge(inner, rest, value, file)
    }
    return
  }
  for (const [name, member] of Object.entries(value as Record<string, unknown>)) {
    const before = Object.hasOwn(data, name) ? data[name] : undefined
    if (isRecord(before) && isRecord(member)) merge(before, [], member, file)
    else if (before !== undefined) throw wrong(`${file} gives data.${name} another value than a document before it`)
    else Object.defineProperty(data, name, { value: member, enumerable: true, configurable: true, writable: true })
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function wrong(message: string): CliError {
  return new CliError(message, EXIT.usage)
}
