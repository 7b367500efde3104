/**
 * Metadata in comments, for `rego.metadata.rule()` and `rego.metadata.chain()`. Read only when a module calls these.
 *
 * @see https://www.openpolicyagent.org/docs/latest/policy-language/#metadata
 */
import { parseYaml } from '../builtins/yaml/parse.js'
import { type Diagnostic, diagnostic } from '../errors.js'
import type { Comment, Module, Rule } from '../syntax/ast.js'
import { isArray, isObject, objectGet, RegoObject, type Value } from '../value.js'

type Scope = 'rule' | 'document' | 'package' | 'subpackages'

interface Annotation {
  readonly scope: Scope
  readonly value: RegoObject
  /** What it describes: a package's path, or a rule's with it. */
  readonly path: readonly string[]
  readonly rule: Rule | undefined
  readonly line: number
}

/** The values of both calls in each rule. */
export class Metadata {
  #annotations: readonly Annotation[] | undefined

  constructor(
    readonly modules: readonly Module[],
    readonly report: (error: Diagnostic) => void,
  ) {}

  /** What `rego.metadata.rule()` or `rego.metadata.chain()` is in a rule. */
  value(name: string, rule: Rule, module: Module): Value | undefined {
    this.#annotations ??= this.modules.flatMap((one) => annotationsOf(one, this.report))
    if (name === 'rego.metadata.rule') return this.#ofRule(rule).at(-1)?.value ?? new RegoObject()
    return name === 'rego.metadata.chain' ? this.#chain(rule, module) : undefined
  }

  #ofRule(rule: Rule): readonly Annotation[] {
    return (this.#annotations ?? []).filter((one) => one.scope === 'rule' && one.rule === rule)
  }

  /** From the rule outward: its own, those of all rules of its name, of the package, and of the packages around it. */
  #chain(rule: Rule, module: Module): Value {
    const path = [...module.package.path, ...rulePath(rule)]
    const own = [...this.#ofRule(rule)].reverse().map(({ value }) => link(path, value))
    const of = (scope: Scope, place: readonly string[]) => {
      return (this.#annotations ?? [])
        .filter((one) => one.scope === scope && samePath(one.path, place))
        .map(({ value }) => link(place, value))
    }
    const around: Value[] = []
    for (let length = module.package.path.length; length > 0; length--) {
      around.push(...of('subpackages', module.package.path.slice(0, length)))
    }
    const first = own.length > 0 ? own : [link(path, undefined)]
    return [...first, ...of('document', path), ...of('package', module.package.path), ...around]
  }
}

function link(path: readonly string[], annotations: RegoObject | undefined): RegoObject {
  const object = new RegoObject().set('path', [...path])
  return annotations ? object.set('annotations', annotations) : object
}

function samePath(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((part, at) => part === b[at])
}

/** The constant front of a rule's name. */
function rulePath({ head }: Rule): string[] {
  const path: string[] = []
  for (const [at, term] of head.ref.entries()) {
    if (at === 0 && term.type === 'var') path.push(term.name)
    else if (term.type === 'scalar' && typeof term.value === 'string') path.push(term.value)
    else break
  }
  return path
}

function annotationsOf(module: Module, report: (error: Diagnostic) => void): Annotation[] {
  return blocks(module.comments).flatMap(({ at, lines }) => {
    const error = (message: string) => {
      report(diagnostic('rego_parse_error', message, at))
      return []
    }
    let parsed: Value
    try {
      parsed = parseYaml(lines.join('\n'))
    } catch (cause) {
      return error(`metadata is no YAML: ${cause instanceof Error ? cause.message : String(cause)}`)
    }
    if (!isObject(parsed)) return error('expected at least one key in METADATA')
    const rule = module.rules.find((one) => one.at.start > at.start)
    const isPackage = module.package.at.start > at.start
    const isEntrypoint = objectGet(parsed, 'entrypoint') === true
    const scope = objectGet(parsed, 'scope') ?? (isPackage ? 'package' : isEntrypoint ? 'document' : 'rule')
    if (!isScope(scope))
      return error(`invalid scope '${String(scope)}', must be one of rule, document, package, subpackages`)
    const forPackage = scope === 'package' || scope === 'subpackages'
    if (forPackage !== isPackage || (!forPackage && !rule))
      return error(`annotation scope '${scope}' must be applied to ${forPackage ? 'package' : 'rule'}`)
    const path = rule && !forPackage ? [...module.package.path, ...rulePath(rule)] : module.package.path
    return [{ scope, value: normalized(parsed, scope), path, rule: forPackage ? undefined : rule, line: at.line }]
  })
}

function isScope(value: Value): value is Scope {
  return value === 'rule' || value === 'document' || value === 'package' || value === 'subpackages'
}

/** Comments that begin with `METADATA` at the margin, each with the lines right below it. */
function blocks(comments: readonly Comment[]): { at: Comment['at']; lines: string[] }[] {
  const found: { at: Comment['at']; lines: string[] }[] = []
  let before: Comment | undefined
  let open = false
  for (const comment of comments) {
    const atMargin = comment.at.column === 1
    if (atMargin && comment.text.trim() === 'METADATA') {
      found.push({ at: comment.at, lines: [] })
      open = true
    } else if (open && atMargin && comment.at.line === (before?.at.line ?? 0) + 1) {
      found.at(-1)?.lines.push(comment.text)
    } else {
      open = false
    }
    before = comment
  }
  return found
}

const TEXTS = ['title', 'description']
const KEPT = ['organizations', 'schemas', 'custom', 'labels']

/** An annotation as OPA shows it: empty parts left out, authors and related resources as objects. */
function normalized(parsed: Value, scope: Scope): RegoObject {
  const object = new RegoObject().set('scope', scope)
  if (!isObject(parsed)) return object
  for (const name of TEXTS) {
    const value = objectGet(parsed, name)
    if (typeof value === 'string' && value !== '') object.set(name, value)
  }
  if (objectGet(parsed, 'entrypoint') === true) object.set('entrypoint', true)
  for (const name of KEPT) {
    const value = objectGet(parsed, name)
    if (value !== undefined && value !== null) object.set(name, value)
  }
  const authors = objectGet(parsed, 'authors')
  if (authors !== undefined && isArray(authors)) object.set('authors', authors.map(author))
  const resources = objectGet(parsed, 'related_resources')
  if (resources !== undefined && isArray(resources)) {
    object.set(
      'related_resources',
      resources.map((one: Value) => (typeof one === 'string' ? new RegoObject().set('ref', one) : one)),
    )
  }
  return object
}

/** `Name <mail>` as an object. */
function author(value: Value): Value {
  if (typeof value !== 'string') return value
  const match = /^(.*?)\s*(?:<(.+)>)?\s*$/.exec(value)
  const object = new RegoObject()
  if (match?.[1]) object.set('name', match[1].trim())
  if (match?.[2]) object.set('email', match[2])
  return object
}
