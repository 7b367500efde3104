import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import type { FastifySchema } from 'fastify'
import { Type } from 'typebox'

const ProblemView = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'Stable; what programs act on.' }),
    detail: Type.Optional(Type.String({ description: 'What happened and what to do, for people.' })),
    requestId: Type.Optional(Type.String()),
    errors: Type.Optional(Type.Array(Type.Record(Type.String(), Type.Unknown()))),
  },
  { description: 'Problem details (RFC 9457).' },
)

const problem = {
  description: 'Not done. The reason is in `code`.',
  content: { 'application/problem+json': { schema: ProblemView } },
}

/** How the OpenAPI document is made of the routes' schemas. */
export const openApi: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Countersign',
      description: [
        'Pauses authority until someone proves they should have it.',
        '',
        'Every answer has `X-Request-Id`. Under `/v1`, every change accepts `Idempotency-Key` (16 to 128 printable',
        'characters): the same request under the same key is done once and answered the same for 24 hours. What has an',
        '`ETag` accepts it in `If-Match`.',
      ].join('\n'),
      version: '0.1.0',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    components: {
      securitySchemes: {
        admin: { type: 'http', scheme: 'bearer', description: 'An admin token.' },
      },
    },
  },
  transform: ({ schema, url, route }) => ({
    url,
    schema: url.startsWith('/v1/') ? complete(schema, route.onRequest) : schema,
  }),
}

// What holds for many routes need not be written at each: how they fail, and what their guard asks for.
function complete(schema: FastifySchema, guard: unknown): FastifySchema {
  const { security } = (guard ?? {}) as { readonly security?: object }
  const response = { ...(schema?.response as object), default: problem }
  return { ...(security && { security }), ...schema, response } as FastifySchema
}
