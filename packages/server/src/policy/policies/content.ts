import { createHash } from 'node:crypto'
import { canonicalJson, type Json } from '@countersign/protocol'
import { RegoError } from '@countersign/rego'
import { unprocessable } from '../../authority/administration/checks.js'
import { ProblemError } from '../../http/problem.js'
import { compilePolicySet, PolicySetError } from '../compile.js'

/** One fault of a policy's text. Lines and columns start at 1. */
export interface PolicyFault {
  readonly line: number
  readonly column: number
  readonly message: string
  readonly code: string
  /** The policy it stands in, when there are several. */
  readonly policy?: string
  readonly [member: string]: unknown
}

/** What a policy version holds: Rego, or a JSON document for `data`. */
export type Content =
  | { readonly kind: 'rego'; readonly source: string }
  | { readonly kind: 'data'; readonly data: unknown }

/**
 * Reads the content of a body.
 *
 * @throws ProblemError 422 `source_or_data`
 */
export function contentOf(body: { readonly source?: string; readonly data?: unknown }): Content {
  if ((body.source === undefined) === (body.data === undefined)) {
    throw unprocessable('source_or_data', 'a policy is Rego in source, or a JSON document in data')
  }
  return body.source === undefined ? { kind: 'data', data: body.data } : { kind: 'rego', source: body.source }
}

/** Lowercase hex SHA-256 of the source's UTF-8, or of the document's canonical JSON. */
export function sha256Of(content: Content): string {
  const bytes = content.kind === 'rego' ? content.source : canonicalJson(content.data as Json)
  return createHash('sha256').update(bytes).digest('hex')
}

/**
 * What is wrong with a policy by itself; empty when nothing is. What only its companions in a set can tell (a function
 * of another module, two rules that conflict) is found when the set is made.
 */
export function faultsOf(name: string, content: Content, path: string | null): readonly PolicyFault[] {
  const ids = { policyId: '', versionId: '', name }
  const set =
    content.kind === 'rego'
      ? { modules: [{ ...ids, source: content.source }], documents: [] }
      : { modules: [], documents: [{ ...ids, path, data: content.data }] }
  return faultsOfSet(set)
    .filter((fault) => !/undefined function data\./.test(fault.message))
    .map(({ policy: _policy, ...fault }) => fault as PolicyFault)
}

/** What is wrong with a set of policies together. */
export function faultsOfSet(set: Parameters<typeof compilePolicySet>[0]): readonly PolicyFault[] {
  try {
    compilePolicySet(set)
    return []
  } catch (error) {
    if (error instanceof RegoError) {
      return error.errors.map(({ file, line, column, message, code }) => ({
        line,
        column,
        message,
        code,
        policy: file,
      }))
    }
    if (error instanceof PolicySetError) return [{ line: 1, column: 1, message: error.message, code: error.code }]
    // A text nested so deep that compiling it exhausts the stack.
    if (error instanceof RangeError) {
      return [{ line: 1, column: 1, message: 'the policy is too deeply nested', code: 'rego_compile_error' }]
    }
    throw error
  }
}

/** @throws ProblemError 422 `invalid_policy`, with every fault */
export function refuseFaults(faults: readonly PolicyFault[]): void {
  if (faults.length === 0) return
  const [first] = faults
  const detail = `line ${first?.line}, column ${first?.column}: ${first?.message}`
  throw new ProblemError(422, 'invalid_policy', detail, { errors: faults.slice(0, 100) })
}
