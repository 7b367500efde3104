/** `graph.reachable` and `graph.reachable_paths`. */
import { type Builtin, type BuiltinContext, BuiltinError, builtin, objectOperand, T } from '../builtins-api.js'
import { type Key, keyOf, type ObjectValue, objectGet, RegoSet, type Value } from '../value.js'
import { elementsOf, typeError } from './operands.js'

const vertices = T.union(T.array(T.any), T.set(T.any))
const graphType = T.object(T.any, vertices)

function startOperand(value: Value | undefined): readonly Value[] {
  const start = elementsOf(value)
  if (start === undefined) throw typeError(2, value, '{array, set}')
  return start
}

function reachable(context: BuiltinContext, edges: ObjectValue, start: readonly Value[]): RegoSet {
  const reached = new RegoSet()
  const queue = [...start]
  for (const node of queue) {
    context.charge(1)
    const neighbours = objectGet(edges, node)
    if (neighbours === undefined || reached.has(node)) continue
    reached.add(node)
    for (const neighbour of elementsOf(neighbours) ?? []) if (!reached.has(neighbour)) queue.push(neighbour)
  }
  return reached
}

/** Deeper paths would exhaust the stack. */
const MAX_DEPTH = 2_000

/**
 * Ways from a start to where they end: at a node without edges, before a node that is not in the graph, or where an edge leads to a node that
 * was passed before. As in OPA's suite, nodes passed on one way from an edge of the start count as passed on the others too.
 */
function paths(context: BuiltinContext, edges: ObjectValue, start: readonly Value[]): RegoSet {
  const found = new RegoSet()
  for (const node of start) {
    const neighbours = objectGet(edges, node)
    if (neighbours === undefined) continue
    const next = elementsOf(neighbours) ?? []
    if (next.length === 0) found.add([node])
    for (const neighbour of next) walk(context, edges, [node], neighbour, new Set([keyOf(node)]), found)
  }
  return found
}

function walk(
  context: BuiltinContext,
  edges: ObjectValue,
  before: readonly Value[],
  node: Value,
  passed: Set<Key>,
  found: RegoSet,
): void {
  context.charge(1 + before.length)
  const neighbours = objectGet(edges, node)
  if (neighbours === undefined) {
    found.add(before)
    return
  }
  if (before.length >= MAX_DEPTH) throw new BuiltinError('graph is too deep')
  const path = [...before, node]
  const next = elementsOf(neighbours) ?? []
  if (next.length === 0) found.add(path)
  for (const neighbour of next) {
    if (passed.has(keyOf(neighbour))) {
      found.add(path)
    } else {
      passed.add(keyOf(node))
      walk(context, edges, path, neighbour, passed, found)
    }
  }
}

export const graph: readonly Builtin[] = [
  builtin('graph.reachable', [graphType, vertices], T.set(T.any), (context, edges, start) =>
    reachable(context, objectOperand(edges, 1), startOperand(start)),
  ),
  builtin('graph.reachable_paths', [graphType, vertices], T.set(T.array(T.any)), (context, edges, start) =>
    paths(context, objectOperand(edges, 1), startOperand(start)),
  ),
]
