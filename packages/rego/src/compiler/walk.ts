/** Questions about terms and statements: which variables they have, and where. */
import type { Local, Node, RefNode, Statement } from './ir.js'

/** Calls `visit` for each node of a term, outermost first; where it answers false, what is inside is left out. */
export function walkNode(node: Node, visit: (node: Node) => boolean | undefined): void {
  if (visit(node) === false) return
  for (const child of children(node)) walkNode(child, visit)
}

/** The direct parts of a term, without the bodies of comprehensions. */
export function children(node: Node): readonly Node[] {
  switch (node.n) {
    case 'ref':
      return typeof node.base === 'string' ? node.path : [node.base, ...node.path]
    case 'call':
      return node.args
    case 'array':
    case 'set':
      return node.items
    case 'object':
      return node.entries.flat()
    case 'template':
      return node.parts.flatMap((part) =>
        typeof part === 'string' ? [] : [part.node, ...part.with.map(({ value }) => value)],
      )
    default:
      return []
  }
}

/** The same term with other parts, in the order of `children`. */
export function withChildren(node: Node, parts: readonly Node[]): Node {
  switch (node.n) {
    case 'ref': {
      const [base, ...path] = parts
      if (typeof node.base === 'string') return { ...node, path: parts }
      return { ...node, base: base ?? node.base, path }
    }
    case 'call':
      return { ...node, args: parts }
    case 'array':
    case 'set':
      return { ...node, items: parts }
    case 'object':
      return {
        ...node,
        entries: node.entries.map((entry, at) => [parts[2 * at] ?? entry[0], parts[2 * at + 1] ?? entry[1]] as const),
      }
    case 'template': {
      const left = [...parts]
      const next = (old: Node) => left.shift() ?? old
      return {
        ...node,
        parts: node.parts.map((part) => {
          if (typeof part === 'string') return part
          return { node: next(part.node), with: part.with.map((one) => ({ ...one, value: next(one.value) })) }
        }),
      }
    }
    default:
      return node
  }
}

/** All variables of a term, those inside comprehensions included when `closures`. */
export function localsOf(node: Node, closures = false, into = new Set<Local>()): Set<Local> {
  walkNode(node, (one) => {
    if (one.n === 'local') into.add(one.local)
    if (closures) for (const local of closureLocals(one)) into.add(local)
    return undefined
  })
  return into
}

/** All variables in a node's own body or template, nested ones included. */
export function closureLocals(node: Node): Set<Local> {
  const into = new Set<Local>()
  if (node.n === 'comprehension') {
    if (node.key) localsOf(node.key, true, into)
    localsOf(node.value, true, into)
    bodyLocals(node.body, into)
  }
  return into
}

/** Every variable in statements, at any depth. */
export function bodyLocals(body: readonly Statement[], into = new Set<Local>()): Set<Local> {
  for (const statement of body) {
    for (const node of statementNodes(statement)) localsOf(node, true, into)
    if (statement.s === 'every') {
      into.add(statement.value)
      if (statement.key) into.add(statement.key)
    }
    if (statement.s === 'every' || statement.s === 'not') bodyLocals(statement.body, into)
  }
  return into
}

/** The terms of a statement itself, `with` values included, without those of nested bodies. */
export function statementNodes(statement: Statement): readonly Node[] {
  const withs = statement.with.map(({ value }) => value)
  switch (statement.s) {
    case 'term':
      return [statement.node, ...withs]
    case 'unify':
      return [statement.left, statement.right, ...withs]
    case 'every':
      return [statement.domain, ...withs]
    case 'not':
      return withs
  }
}

/** Whether every variable of a term, outside of comprehensions, is bound. */
export function isBound(node: Node, bound: ReadonlySet<Local>): boolean {
  if (node.n === 'local') return bound.has(node.local)
  for (const child of children(node)) if (!isBound(child, bound)) return false
  return true
}

/** Whether a reference binds variables itself: its path has some that are not bound, and not only inside deeper references. */
export function bindsInPath(node: RefNode, bound: ReadonlySet<Local>): boolean {
  return node.path.some((part) => hasFreePattern(part, bound))
}

function hasFreePattern(node: Node, bound: ReadonlySet<Local>): boolean {
  if (node.n === 'local') return !bound.has(node.local)
  if (node.n === 'array') return node.items.some((item) => hasFreePattern(item, bound))
  if (node.n === 'object') return node.entries.some(([, value]) => hasFreePattern(value, bound))
  return false
}
