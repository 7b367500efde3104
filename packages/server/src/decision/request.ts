import { type Aal, isAal, type Json } from '@countersign/protocol'
import { ProblemError } from '../http/problem.js'
import { RESERVED_CONTEXT_KEYS } from '../policy/input.js'

/** Whom a decision is about. */
export interface SubjectRef {
  readonly type: string
  readonly id: string
  readonly issuer: string | undefined
}

/** What a decision is about; a bare text is a resource's identifier. */
export interface ResourceRef {
  readonly type: string
  readonly id: string
}

/** A question for the decision point, well-formed and nothing more. */
export interface DecisionRequest {
  readonly subject: SubjectRef
  readonly permission: string
  readonly resource: ResourceRef | undefined
  /** The caller's own keys. */
  readonly context: { readonly [key: string]: Json }
  /** What the caller says of the level; never believed where the service knows better. */
  readonly assertedAal: Aal
  readonly explain: boolean
}

/** What a bare resource is taken to be a type of. */
export const RESOURCE_TYPE = 'Resource'

export const MOST_CHARACTERS = 2048

/**
 * Reads one question: its eight members, any of them null, alone or in a `{data: …}` envelope.
 *
 * @throws ProblemError 400 `invalid_body` or `reserved_context_key`
 */
export function readDecisionRequest(body: unknown): DecisionRequest {
  const given = unwrap(body)
  const context = readObject(given, 'context') ?? {}
  for (const key of Object.keys(context)) {
    if (RESERVED_CONTEXT_KEYS.has(key)) {
      throw new ProblemError(400, 'reserved_context_key', 'the context uses a key that the service itself fills')
    }
  }
  const organization = readText(given, 'organization')
  const application = readText(given, 'application')
  const permission = readText(given, 'permission')
  if (permission === undefined || permission === '') invalid('permission is missing')
  return {
    subject: readSubject(given),
    permission,
    resource: readResource(given),
    context: {
      ...(organization === undefined ? {} : { organization }),
      ...(application === undefined ? {} : { application }),
      ...(context as { [key: string]: Json }),
    },
    assertedAal: readAal(given),
    explain: readFlag(given, 'explain'),
  }
}

/** The inside of a `{data: …}` envelope, or the object itself. */
export function unwrap(body: unknown): Given {
  if (!isObject(body)) invalid('the body is a JSON object')
  return isObject(body.data) && body.permission === undefined && body.subject === undefined ? body.data : body
}

export type Given = { readonly [key: string]: unknown }

export function invalid(detail: string): never {
  throw new ProblemError(400, 'invalid_body', detail)
}

function readSubject(given: Given): SubjectRef {
  const subject = readObject(given, 'subject')
  if (subject === undefined) invalid('subject is missing')
  const [type, id] = [readText(subject, 'type'), readText(subject, 'id')]
  if (type === undefined || id === undefined || id === '') invalid('subject has a type and an id')
  return { type, id, issuer: readText(subject, 'issuer') }
}

function readResource(given: Given): ResourceRef | undefined {
  if (typeof given.resource === 'string') return { type: RESOURCE_TYPE, id: readText(given, 'resource') ?? '' }
  const resource = readObject(given, 'resource')
  if (resource === undefined) return undefined
  const [type, id] = [readText(resource, 'type'), readText(resource, 'id')]
  if (type === undefined || id === undefined) invalid('resource is a text, or has a type and an id')
  return { type, id }
}

function readAal(given: Given): Aal {
  const aal = readText(given, 'current_aal') ?? 'aal1'
  if (!isAal(aal)) invalid('current_aal is aal1, aal2 or aal3')
  return aal
}

export function readText(given: Given, name: string, most = MOST_CHARACTERS): string | undefined {
  const value = given[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string' || value.length > most) invalid(`${name} is a text of at most ${most} characters`)
  return value
}

export function readObject(given: Given, name: string): Given | undefined {
  const value = given[name]
  if (value === undefined || value === null) return undefined
  if (!isObject(value)) invalid(`${name} is an object`)
  return value
}

function readFlag(given: Given, name: string): boolean {
  const value = given[name]
  if (value === undefined || value === null) return false
  if (typeof value !== 'boolean') invalid(`${name} is true or false`)
  return value
}

function isObject(value: unknown): value is Given {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
