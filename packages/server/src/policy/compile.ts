import { compile, definedRules, type Policy, RegoError } from '@countersign/rego'
import type { ActivePolicySet } from '../authority/snapshot.js'

/** A policy set, ready to decide. */
export interface CompiledPolicySet {
  readonly policy: Policy
  /** Whether its authors write `result` themselves, or leave it to be composed. */
  readonly composed: boolean
}

/** Why a set of policies that are each well-formed cannot stand together. */
export class PolicySetError extends Error {
  override readonly name = 'PolicySetError'

  constructor(
    readonly code: 'data_conflict' | 'data_path',
    message: string,
  ) {
    super(message)
  }
}

// One evaluation holds up every other request of the node: what takes longer than a moment is an error in a policy.
const MOST_STEPS = 1_000_000
const MOST_VALUES = 10_000

const RESULT = 'data.countersign.authz.result'

/**
 * Compiles a policy set: all of its modules together, with its data documents under `data`.
 *
 * @throws RegoError for modules that do not compile together, naming file, line and column
 * @throws PolicySetError for data documents that claim the same place
 */
export function compilePolicySet(set: Pick<ActivePolicySet, 'modules' | 'documents'>): CompiledPolicySet {
  const files = set.modules.map(({ name, source }) => ({ path: name, source }))
  const data = mergeDocuments(set.documents)
  const policy = compile(files, {
    data,
    allowBuiltins: isAllowedBuiltin,
    maxSteps: MOST_STEPS,
    maxResultSize: MOST_VALUES,
  })
  return { policy, composed: !definedRules(files).has(RESULT) }
}

// What reaches outside the process, and what may differ between two evaluations of the same input: most algorithms sign
// with something random in it.
const REFUSED =
  /^(http\.send|net\.lookup_ip_addr|opa\.runtime|rand\..*|uuid\.rfc4122|io\.jwt\.encode_sign(_raw)?|providers\..*)$/

/** Whether a policy may call a built-in. One that may not is refused when the policy is uploaded, with the line. */
function isAllowedBuiltin(name: string): boolean {
  return !REFUSED.test(name)
}

/** Compiled once for each version of a set that a snapshot holds. */
const compiled = new WeakMap<ActivePolicySet, CompiledPolicySet | Error>()

/** The active set, compiled; the error for a set that does not compile, which then denies everything. */
export function compiledPolicySet(set: ActivePolicySet): CompiledPolicySet | Error {
  let result = compiled.get(set)
  if (result === undefined) {
    try {
      result = compilePolicySet(set)
    } catch (error) {
      if (!(error instanceof RegoError) && !(error instanceof PolicySetError)) throw error
      result = error
    }
    compiled.set(set, result)
  }
  return result
}

type Document = { [key: string]: unknown }

/** One `data` from all documents, each at its dot-separated path; without a path it is merged at the root. */
function mergeDocuments(documents: ActivePolicySet['documents']): Document {
  const root: Document = Object.create(null)
  for (const { name, path, data } of documents) {
    const segments = path === null || path === '' ? [] : path.split('.')
    const last = segments.pop()
    let parent = root
    for (const segment of segments) parent = objectAt(parent, segment, name)
    if (last === undefined) mergeInto(parent, data, name)
    else mergeAt(parent, last, data, name)
  }
  return root
}

function mergeInto(target: Document, value: unknown, name: string): void {
  if (!isDocument(value)) throw new PolicySetError('data_path', `${name} is not an object, so it needs a path in data`)
  for (const [key, member] of Object.entries(value)) mergeAt(target, key, member, name)
}

function mergeAt(target: Document, key: string, value: unknown, name: string): void {
  if (!Object.hasOwn(target, key)) target[key] = isDocument(value) ? mergeCopy(value, name) : value
  else if (isDocument(target[key]) && isDocument(value)) mergeInto(target[key], value, name)
  else
    throw new PolicySetError('data_conflict', `${name} gives a value to a place in data that has one already: ${key}`)
}

function mergeCopy(value: Document, name: string): Document {
  const copy: Document = Object.create(null)
  mergeInto(copy, value, name)
  return copy
}

function objectAt(parent: Document, segment: string, name: string): Document {
  if (!Object.hasOwn(parent, segment)) parent[segment] = Object.create(null)
  const child = parent[segment]
  if (!isDocument(child))
    throw new PolicySetError('data_conflict', `${name} lies beneath a value that is not an object: ${segment}`)
  return child
}

function isDocument(value: unknown): value is Document {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
