import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'

/** How the OpenAPI document is made of the routes' schemas. */
export const openApi: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Countersign',
      description: 'Pauses authority until someone proves they should have it.',
      version: '0.1.0',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    components: {
      securitySchemes: {
        admin: { type: 'http', scheme: 'bearer', description: 'An admin token.' },
      },
    },
  },
}
