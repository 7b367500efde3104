import type { FastifySchemaCompiler } from 'fastify'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { type ProblemDetail, ProblemError } from './problem.js'

const MOST_ERRORS = 20

/**
 * Validates with TypeBox: bodies as they are (none is one without members), everything else as text, of which whole numbers
 * are read where the schema wants them. Nothing is dropped or guessed; a member that a schema does not know is an error.
 */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const validator = Compile(schema)
  return (value: unknown) => {
    const input = httpPart === 'body' ? (value ?? {}) : readNumbers(schema, value)
    if (validator.Check(input)) return { value: input }
    return { error: invalid(httpPart ?? 'body', validator.Errors(input)) }
  }
}

// TypeBox's own conversion would take `true` for 1 and `1.5` too.
function readNumbers(schema: TSchema, value: unknown): unknown {
  const { properties = {} } = schema as {
    readonly properties?: { readonly [name: string]: { readonly type?: unknown } }
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, text]) => {
      const isNumber = properties[name]?.type === 'integer' && typeof text === 'string' && /^\d{1,15}$/.test(text)
      return [name, isNumber ? Number(text) : text]
    }),
  )
}

/**
 * For routes whose schemas only describe, because the route reads what it takes itself and words what is wrong with it:
 * forms, and bodies that may come in several shapes.
 *
 * @example
 * ```ts
 * app.post('/oauth/2/token', { schema: { body: TokenForm }, validatorCompiler: describeOnly }, handler)
 * ```
 */
export const describeOnly: FastifySchemaCompiler<TSchema> = () => () => true

interface SchemaError {
  readonly keyword: string
  readonly instancePath: string
  readonly params: object
  readonly message?: string
}

const PARTS: { readonly [part: string]: { code: string; name: string } } = {
  body: { code: 'invalid_body', name: 'body' },
  querystring: { code: 'invalid_query', name: 'query string' },
  params: { code: 'not_found', name: 'path' },
  headers: { code: 'invalid_header', name: 'header' },
}

function invalid(httpPart: string, errors: readonly SchemaError[]): ProblemError {
  const part = PARTS[httpPart] ?? { code: 'invalid_request', name: 'request' }
  // An unknown member is told of twice: by its object, and by the schema `false` that stands for it.
  const details = errors
    .filter(({ keyword }) => keyword !== 'boolean')
    .slice(0, MOST_ERRORS)
    .map(describe)
  const first = details[0]
  const where = first === undefined || first.path === '' ? '' : ` at ${first.path}`
  const detail = `the ${part.name} is not as it should be${first === undefined ? '' : `${where}: ${first.message}`}`
  return new ProblemError(part.code === 'not_found' ? 404 : 400, part.code, detail, { errors: details })
}

// Names of members are shown when they look like names: a secret that slipped into the place of one must not return.
const NAME = /^[a-z_]{1,40}$/

function describe(error: SchemaError): ProblemDetail & { readonly path: string } {
  const path = error.instancePath
    .split('/')
    .map((segment) => (segment === '' || NAME.test(segment) || /^\d{1,4}$/.test(segment) ? segment : '…'))
    .join('/')
  const unknown = (error.params as { additionalProperties?: readonly string[] }).additionalProperties
  if (error.keyword === 'additionalProperties' && Array.isArray(unknown)) {
    const names = unknown.filter((name) => NAME.test(name))
    return { path, message: names.length === 0 ? 'has an unknown member' : `unknown member ${names.join(', ')}` }
  }
  return { path, message: error.message ?? 'is invalid' }
}
