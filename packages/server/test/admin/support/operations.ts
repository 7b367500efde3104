import type { TestService } from './client.js'

/** A JSON schema as OpenAPI 3.1 has it. */
export interface Schema {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly properties?: { readonly [name: string]: Schema }
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly minItems?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly format?: string
  readonly pattern?: string
}

/** One route, as the OpenAPI document tells of it. */
export interface Operation {
  readonly method: string
  readonly path: string
  readonly params: readonly string[]
  readonly body: Schema | undefined
  readonly responses: { readonly [status: string]: Schema | undefined }
}

interface Content {
  readonly content?: { readonly [type: string]: { readonly schema?: Schema } }
}

/** Every route of a service: a new one is here without anybody's doing. */
export async function operationsOf(service: TestService): Promise<Operation[]> {
  const document = (await (await fetch(`${service.url}/openapi.json`)).json()) as {
    paths: {
      [path: string]: { [method: string]: { requestBody?: Content; responses?: { [status: string]: Content } } }
    }
  }
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { requestBody, responses = {} }]) => ({
      method: method.toUpperCase(),
      path,
      params: [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => String(name)),
      body: requestBody?.content?.['application/json']?.schema,
      responses: Object.fromEntries(
        Object.entries(responses).map(([status, { content }]) => [status, content?.['application/json']?.schema]),
      ),
    })),
  )
}

/** A value that a schema accepts: only what is required, and for every id the one given. */
export function sampleOf(schema: Schema, id: string): unknown {
  if (schema.const !== undefined) return schema.const
  if (schema.enum !== undefined) return schema.enum[0]
  if (schema.anyOf !== undefined) return sampleOf(schema.anyOf[0] ?? {}, id)
  if (schema.format === 'uuid') return id
  if (schema.format === 'date-time') return '2099-01-01T00:00:00Z'
  switch (schema.type) {
    case 'string':
      return 'a'
    case 'integer':
    case 'number':
      return schema.minimum ?? 0
    case 'boolean':
      return false
    case 'array':
      return Array.from({ length: schema.minItems ?? 0 }, () => sampleOf(schema.items ?? {}, id))
    case 'object':
      return Object.fromEntries(
        (schema.required ?? []).map((name) => [name, sampleOf(schema.properties?.[name] ?? {}, id)]),
      )
    default:
      return {}
  }
}
