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
      responses: { Problem: problem },
      securitySchemes: {
        admin: { type: 'http', scheme: 'bearer', description: 'An admin token.' },
        application: {
          type: 'http',
          scheme: 'basic',
          description:
            "An application's id and secret, each form-encoded before they are joined (RFC 6749 section 2.3.1).",
        },
        session: { type: 'http', scheme: 'bearer', description: 'A session mandate.' },
      },
    },
  },
  // What holds for many routes need not be written at each: what their guard asks for, and how they fail.
  transform: ({ schema, url, route }) => {
    const { security } = (route.onRequest ?? {}) as { readonly security?: object }
    return { url, schema: (security === undefined ? schema : { security, ...schema }) as FastifySchema }
  },
  transformObject: (document) => {
    if (!('openapiObject' in document)) return document.swaggerObject
    const { openapiObject } = document
    for (const [path, methods] of Object.entries(openapiObject.paths ?? {})) {
      if (!path.includes('/v1/') && !path.includes('/.well-known/')) continue
      for (const operation of Object.values(methods ?? {}) as { responses?: object }[]) {
        operation.responses = { ...operation.responses, default: { $ref: '#/components/responses/Problem' } }
      }
    }
    return openapiObject
  },
}
