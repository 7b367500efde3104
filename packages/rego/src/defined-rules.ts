import type { ModuleSource } from './compiler/compile.js'
import { parseModule } from './syntax/parse.js'

/**
 * The paths of the rules that modules define, each up to the first part of its name: `data.countersign.authz.result` for
 * `result := …` in `package countersign.authz`. Says what an author wrote without evaluating any of it.
 *
 * @throws RegoError `rego_parse_error`
 * @example
 * definedRules([{ path: 'app.rego', source: 'package app\nallow if true' }]) // Set { 'data.app.allow' }
 */
export function definedRules(modules: readonly ModuleSource[]): ReadonlySet<string> {
  const defined = new Set<string>()
  for (const { path, source } of modules) {
    const module = parseModule(source, path)
    for (const { head } of module.rules) {
      const [name] = head.ref
      if (name?.type === 'var') defined.add(['data', ...module.package.path, name.name].join('.'))
    }
  }
  return defined
}
